package dev.holdfast.broker.blackbox;

import dev.holdfast.agent.Acceptor;
import dev.holdfast.agent.Lease;
import dev.holdfast.fd.Signals;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.CountDownLatch;

/** A worker by the library, started by {@code holdfast exec}: NAME LOG; see worker.py. */
public final class LoggingWorker {
  private LoggingWorker() {}

  public static void main(String[] arguments) throws Exception {
    String name = arguments[0];
    CountDownLatch end = new CountDownLatch(1);
    Signals.onSignal("TERM", signal -> end.countDown());
    try (FileChannel log =
            FileChannel.open(
                Path.of(arguments[1]), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        Lease lease = Lease.inherited().orElseThrow()) {
      Acceptor acceptor =
          Acceptor.of(lease, "web", connection -> serve(connection, name, log)).threads(1).start();
      lease.ready();
      end.await();
      acceptor.stop(Duration.ofSeconds(10));
    }
    System.exit(0);
  }

  private static void serve(SocketChannel connection, String name, FileChannel log) {
    try (connection) {
      InetSocketAddress peer = (InetSocketAddress) connection.getRemoteAddress();
      long micros = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
      log.write(
          bytes(peer.getAddress().getHostAddress() + ":" + peer.getPort() + " " + micros + "\n"));
      ByteBuffer asked = ByteBuffer.allocate(4096);
      while (asked.position() < 4 || asked.getInt(asked.position() - 4) != 0x0d0a0d0a) {
        if (connection.read(asked) < 0) {
          return;
        }
      }
      String body = "worker " + name + " pid " + ProcessHandle.current().pid() + "\n";
      connection.write(
          bytes(
              "HTTP/1.0 200 OK\r\nX-Worker: "
                  + name
                  + "\r\nContent-Length: "
                  + body.length()
                  + "\r\n\r\n"
                  + body));
    } catch (IOException e) {
      // The client went away.
    }
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
  }
}
