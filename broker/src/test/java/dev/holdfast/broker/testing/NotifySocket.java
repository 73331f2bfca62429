package dev.holdfast.broker.testing;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.newsclub.net.unix.AFUNIXDatagramSocket;
import org.newsclub.net.unix.AFUNIXSocketAddress;

/** What a supervisor gives as NOTIFY_SOCKET (sd_notify(3)): takes one datagram for each message. */
public final class NotifySocket implements AutoCloseable {
  private static final String EXITED = "EXITED";

  private final AFUNIXSocketAddress address;
  private final AFUNIXDatagramSocket socket;

  private NotifySocket(AFUNIXSocketAddress address, AFUNIXDatagramSocket socket) {
    this.address = address;
    this.socket = socket;
  }

  public static NotifySocket bind(Path path) throws IOException {
    AFUNIXSocketAddress address = AFUNIXSocketAddress.of(path);
    AFUNIXDatagramSocket socket = AFUNIXDatagramSocket.newInstance();
    socket.bind(address);
    return new NotifySocket(address, socket);
  }

  /** Waits for READY=1; false when the process ended before, null when neither came. */
  public Boolean awaitReady(ProgramProcess process, Duration patience) throws IOException {
    var unused = process.onExit().thenRun(this::sayExited);
    socket.setSoTimeout((int) patience.toMillis());
    byte[] buffer = new byte[4096];
    try {
      while (true) {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        String message =
            new String(packet.getData(), 0, packet.getLength(), StandardCharsets.UTF_8);
        if (message.equals(EXITED)) {
          return false;
        }
        if (message.lines().anyMatch("READY=1"::equals)) {
          return true;
        }
      }
    } catch (SocketTimeoutException e) {
      return null;
    }
  }

  private void sayExited() {
    byte[] message = EXITED.getBytes(StandardCharsets.UTF_8);
    try (AFUNIXDatagramSocket sender = AFUNIXDatagramSocket.newInstance()) {
      sender.connect(address);
      sender.send(new DatagramPacket(message, message.length));
    } catch (IOException e) {
      // Nobody waits any more: the process was ready before it ended.
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
