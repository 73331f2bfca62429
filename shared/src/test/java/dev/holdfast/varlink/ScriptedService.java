package dev.holdfast.varlink;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixListener;
import dev.holdfast.fd.UnixSocket;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The other end of a client, with no rules: it sends whatever bytes a test wants. */
final class ScriptedService implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final UnixListener listener;
  private final VarlinkClient client;
  private final UnixSocket connection;
  private final FrameReader frames = new FrameReader(2 << 20);
  private final List<OwnedFd> received = new ArrayList<>();

  ScriptedService(Path directory) throws IOException {
    UnixAddress address = UnixAddress.parse(directory.resolve("service").toString());
    listener = UnixListener.bind(address, 1);
    client = VarlinkClient.connect(address);
    connection = listener.accept().orElseThrow();
  }

  VarlinkClient client() {
    return client;
  }

  /** The next call as it came; "end" when the client has closed the connection. */
  String call() throws IOException {
    while (true) {
      ByteBuffer frame = frames.next();
      if (frame != null) {
        return UTF_8.decode(frame).toString();
      }
      assertThat(connection.awaitReadable(PATIENCE)).isTrue();
      ByteBuffer into = ByteBuffer.allocate(4096);
      if (connection.receive(into, received::add) < 0) {
        return "end";
      }
      frames.feed(into.flip());
    }
  }

  List<OwnedFd> received() {
    return received;
  }

  /** Sends the text, in which each semicolon stands for the NUL that ends a frame. */
  void say(String text, OwnedFd... descriptors) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(text.replace(';', '\0').getBytes(UTF_8));
    List<OwnedFd> toSend = List.of(descriptors);
    while (bytes.hasRemaining()) {
      if (connection.send(bytes, toSend) > 0) {
        toSend = List.of();
      } else {
        assertThat(connection.awaitWritable(PATIENCE)).isTrue();
      }
    }
  }

  void hangUp() {
    connection.close();
  }

  @Override
  public void close() {
    client.close();
    connection.close();
    listener.close();
    received.forEach(OwnedFd::close);
  }
}
