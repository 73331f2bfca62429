package dev.holdfast.agent.load;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Serves one connection after another on a thread of its own, each in the same given way. */
final class TestServer implements AutoCloseable {
  /** One way to treat an accepted connection; who keeps it open does not close it. */
  @FunctionalInterface
  interface Treatment {
    void apply(SocketChannel accepted) throws IOException;
  }

  private final ServerSocketChannel listener;
  private final List<SocketChannel> kept = new ArrayList<>();
  private final CompletableFuture<@Nullable Void> ended = new CompletableFuture<>();

  private TestServer(ServerSocketChannel listener, @Nullable Treatment treatment) {
    this.listener = listener;
    if (treatment == null) {
      ended.complete(null);
    } else {
      new Thread(() -> serve(treatment), "test-server").start();
    }
  }

  static TestServer tcp(Treatment treatment) throws IOException {
    return new TestServer(ServerSocketChannel.open().bind(loopback(), 1024), treatment);
  }

  static TestServer unix(Path path, Treatment treatment) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    return new TestServer(listener.bind(UnixDomainSocketAddress.of(path), 128), treatment);
  }

  /** Listens with room for two connections and never accepts. */
  static TestServer tcpThatNeverAccepts() throws IOException {
    return new TestServer(ServerSocketChannel.open().bind(loopback(), 1), null);
  }

  /** The same on a Unix socket. */
  static TestServer unixThatNeverAccepts(Path path) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    return new TestServer(listener.bind(UnixDomainSocketAddress.of(path), 1), null);
  }

  /** Reads a request, sends the answer, closes. */
  static Treatment answering(String answer) {
    return accepted -> {
      request(accepted);
      say(accepted, answer);
      accepted.close();
    };
  }

  /** Reads a request, sends what may be a part of an answer, and resets. */
  static Treatment resettingAfter(String part) {
    return accepted -> {
      request(accepted);
      say(accepted, part);
      accepted.setOption(StandardSocketOptions.SO_LINGER, 0);
      accepted.close();
    };
  }

  static String request(SocketChannel accepted) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(4096);
    accepted.read(bytes);
    return StandardCharsets.ISO_8859_1.decode(bytes.flip()).toString();
  }

  static void say(SocketChannel accepted, String text) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
    while (bytes.hasRemaining()) {
      accepted.write(bytes);
    }
  }

  SocketAddress address() throws IOException {
    return Objects.requireNonNull(listener.getLocalAddress());
  }

  private void serve(Treatment treatment) {
    while (listener.isOpen()) {
      try {
        SocketChannel accepted = listener.accept();
        kept.add(accepted);
        treatment.apply(accepted);
        kept.removeIf(channel -> !channel.isOpen());
      } catch (IOException e) {
        // The client gave up, or the listener was closed: the loop's condition tells which.
        kept.removeIf(channel -> !channel.isOpen());
      }
    }
    ended.complete(null);
  }

  @Override
  public void close() throws IOException {
    listener.close();
    ended.join();
    for (SocketChannel channel : kept) {
      channel.close();
    }
  }

  static InetSocketAddress loopback() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }
}
