package dev.holdfast.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.fd.AcceptQueue;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.SocketOption;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every adapter promises. The listener is held as a broker would hold it, and the lease is one
 * of a broker that only the test has.
 */
@Timeout(60)
public abstract class AdapterContract {

  /** A server that answers an HTTP request with a body, and can be closed. */
  public interface Running extends AutoCloseable {
    /** The port that it reports. */
    int port();

    void stop() throws Exception;

    @Override
    default void close() throws IOException {
      try {
        stop();
      } catch (Exception e) {
        throw new IOException("stopping the server of a test", e);
      }
    }
  }

  @TempDir Path directory;

  /** Starts a server that answers with {@code body}, on the listener {@code web} of the lease. */
  protected abstract Running start(Lease lease, String body) throws Exception;

  /** Whether the server would wait for the listener by poll or epoll. */
  protected abstract boolean polls();

  /** Whether the server reports the listener's port. */
  protected abstract boolean tellsThePort();

  /** Asks over a connection of its own, and returns the whole answer. */
  protected String ask(int port) throws IOException {
    try (Socket client = new Socket()) {
      client.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      client.setSoTimeout(20_000);
      client
          .getOutputStream()
          .write(
              "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                  .getBytes(StandardCharsets.US_ASCII));
      return new String(client.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  private interface Body {
    void run(TestListener listener, Lease lease) throws Exception;
  }

  private void onAListener(boolean nonBlocking, Body body) throws Exception {
    Path control = directory.resolve("s");
    try (TestListener listener = TestListener.open(nonBlocking);
        FakeBroker broker = new FakeBroker(control, Map.of("web", listener.fd()));
        Holdfast holdfast = Holdfast.connect(new UnixAddress.Path(control))) {
      Lease lease = holdfast.acquire("web");
      try {
        body.run(listener, lease);
      } finally {
        lease.close();
        assertThat(broker.calls).isNotEmpty();
      }
    }
  }

  private void askTwice(TestListener listener, String body) throws IOException {
    assertThat(ask(listener.port())).contains(body);
    assertThat(ask(listener.port())).contains(body);
  }

  @Test
  void servesOnTheListener() throws Exception {
    onAListener(
        true,
        (listener, lease) -> {
          try (Running server = start(lease, "hello")) {
            askTwice(listener, "hello");
            if (tellsThePort()) {
              assertThat(server.port()).isEqualTo(listener.port());
            }
          }
        });
  }

  @Test
  void leavesTheListenerListeningForTheNextServer() throws Exception {
    onAListener(
        true,
        (listener, lease) -> {
          for (String body : new String[] {"first", "second", "third"}) {
            try (Running server = start(lease, body)) {
              askTwice(listener, body);
              assertThat(server).isNotNull();
            }
            assertThat(Sockets.isListening(listener.fd())).isTrue();
            assertThat(Sockets.isShutDown(listener.fd())).isFalse();
          }
          try (Socket queued = new Socket(InetAddress.getLoopbackAddress(), listener.port())) {
            assertThat(queued.isConnected()).isTrue();
            assertThat(Sockets.acceptQueue(listener.fd()).length()).isEqualTo(1);
          }
        });
  }

  @Test
  void changesNothingThatTheHoldersOfTheListenerShare() throws Exception {
    onAListener(
        true,
        (listener, lease) -> {
          Sockets.set(listener.fd(), SocketOption.REUSE_ADDRESS, 1, "test");
          AcceptQueue queue = Sockets.acceptQueue(listener.fd());
          SocketFacts facts = Sockets.facts(listener.fd());
          Running server = start(lease, "hello");
          askTwice(listener, "hello");
          unchanged(listener, queue, facts);
          server.close();
          unchanged(listener, queue, facts);
        });
  }

  private static void unchanged(TestListener listener, AcceptQueue queue, SocketFacts facts)
      throws IOException {
    assertThat(Sockets.isNonBlocking(listener.fd())).isTrue();
    assertThat(Sockets.acceptQueue(listener.fd())).isEqualTo(queue);
    assertThat(Sockets.facts(listener.fd())).isEqualTo(facts);
    assertThat(Sockets.get(listener.fd(), SocketOption.REUSE_ADDRESS, "test")).isEqualTo(1);
  }

  @Test
  void refusesABlockingListenerWhereItPolls() throws Exception {
    assumeTrue(polls());
    onAListener(
        false,
        (listener, lease) -> {
          assertThatThrownBy(() -> start(lease, "hello").close())
              .hasStackTraceContaining("without blocking");
          assertThat(Sockets.isNonBlocking(listener.fd())).isFalse();
          assertThat(Sockets.isListening(listener.fd())).isTrue();
        });
  }

  @Test
  void servesOnABlockingListenerWhereItDoesNotPoll() throws Exception {
    assumeTrue(!polls());
    onAListener(
        false,
        (listener, lease) -> {
          try (Running server = start(lease, "hello")) {
            askTwice(listener, "hello");
            assertThat(server).isNotNull();
          }
          assertThat(Sockets.isNonBlocking(listener.fd())).isFalse();
        });
  }

  @Test
  void leavesNoDescriptorBehind() throws Exception {
    onAListener(
        true,
        (listener, lease) -> {
          for (int i = 0; i < 2; i++) { // frameworks open some for good the first time
            start(lease, "hello").close();
          }
          long before = held(listener);
          for (int i = 0; i < 3; i++) {
            try (Running server = start(lease, "hello")) {
              assertThat(server).isNotNull();
              assertThat(ask(listener.port())).contains("hello");
            }
          }
          assertThat(held(listener)).isEqualTo(before);
        });
  }

  private static long held(TestListener listener) throws IOException {
    String name = "socket:[" + Sockets.inode(listener.fd()) + "]";
    return TestListener.openSockets().stream().filter(name::equals).count();
  }
}
