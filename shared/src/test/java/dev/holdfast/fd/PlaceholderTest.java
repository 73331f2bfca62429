package dev.holdfast.fd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class PlaceholderTest {

  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

  private static OwnedFd listening(boolean nonBlocking) throws IOException {
    OwnedFd fd = Sockets.open(LOOPBACK, Sockets.Kind.STREAM);
    Sockets.bind(fd, LOOPBACK, 0, "test");
    Sockets.listen(fd, 7, "test");
    Sockets.setNonBlocking(fd, nonBlocking);
    return fd;
  }

  private static int bound(ServerSocketChannel channel) throws IOException {
    channel.bind(new InetSocketAddress(LOOPBACK, 0));
    return channel.socket().getLocalPort();
  }

  @Test
  void acceptsWhatComesToTheListener() throws IOException {
    try (OwnedFd listener = listening(true)) {
      try (ServerSocketChannel channel = JdkChannels.standIn(listener.dup());
          Socket client = new Socket(LOOPBACK, Sockets.facts(listener).port());
          SocketChannel accepted = channel.accept()) {
        assertThat(accepted.getRemoteAddress()).isEqualTo(client.getLocalSocketAddress());
      }
      assertThat(Sockets.isListening(listener)).isTrue();
      assertThat(Sockets.isNonBlocking(listener)).isTrue();
      assertThat(Sockets.acceptQueue(listener).limit()).isEqualTo(7);
    }
  }

  /** At whatever moment: before the thread waits, while it begins to, or long since. */
  @RepeatedTest(30)
  void isSeenByASelectorThatWaitsAlready() throws Exception {
    try (OwnedFd listener = listening(true);
        Selector selector = Selector.open();
        ServerSocketChannel channel = ServerSocketChannel.open()) {
      int port = bound(channel);
      channel.configureBlocking(false);
      channel.register(selector, SelectionKey.OP_ACCEPT);
      CompletableFuture<SocketChannel> accepted =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  int unused = selector.select();
                  return channel.accept();
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      Placeholder.replace(port, listener);
      try (Socket client = new Socket(LOOPBACK, Sockets.facts(listener).port());
          SocketChannel connection = accepted.get()) {
        assertThat(connection.getRemoteAddress()).isEqualTo(client.getLocalSocketAddress());
      }
    }
  }

  @Test
  void refusesABlockingListenerForAServerThatPolls() throws IOException {
    try (OwnedFd listener = listening(false);
        ServerSocketChannel channel = ServerSocketChannel.open()) {
      int port = bound(channel);
      channel.configureBlocking(false);
      assertThatThrownBy(() -> Placeholder.replace(port, listener))
          .hasMessageContaining("O_NONBLOCK is off");
      try (Socket client = new Socket(LOOPBACK, port)) {
        assertThat(client.isConnected()).isTrue();
      }
    }
  }

  @Test
  void saysThatNobodyListensOnThePort() throws IOException {
    int port;
    try (ServerSocketChannel channel = ServerSocketChannel.open()) {
      port = bound(channel);
    }
    try (OwnedFd listener = listening(true)) {
      assertThatThrownBy(() -> Placeholder.replace(port, listener))
          .hasMessageContaining("no descriptor of this process listens on it");
    }
  }
}
