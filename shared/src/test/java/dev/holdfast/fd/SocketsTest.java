package dev.holdfast.fd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class SocketsTest {

  private static OwnedFd listening(String host) throws IOException {
    InetAddress address = InetAddress.getByName(host);
    OwnedFd fd = Sockets.open(address, Sockets.Kind.STREAM);
    Sockets.bind(fd, address, 0, "tcp:" + host);
    Sockets.listen(fd, 7, "tcp:" + host);
    return fd;
  }

  @Test
  void readsFactsAndQueueOfAListener() throws IOException {
    try (OwnedFd fd = listening("127.0.0.1")) {
      SocketFacts facts = Sockets.facts(fd);
      assertThat(facts.listening()).isTrue();
      assertThat(facts.address()).isEqualTo("tcp:127.0.0.1:" + facts.port());
      assertThat(Sockets.acceptQueue(fd)).isEqualTo(new AcceptQueue(0, 7, 0));
      try (Socket waiting = new Socket("127.0.0.1", facts.port());
          OwnedFd copy = fd.dup()) {
        assertThat(waiting.isConnected()).isTrue();
        assertThat(Sockets.acceptQueue(fd).length()).isEqualTo(1);
        assertThat(Sockets.facts(copy).cookie()).isEqualTo(facts.cookie());
      }
    }
  }

  @Test
  void writesAddressesAsPeopleDo() throws IOException {
    try (OwnedFd any = listening("::");
        OwnedFd loopback = listening("::1")) {
      assertThat(Sockets.facts(any).address()).startsWith("tcp:[::]:");
      assertThat(Sockets.facts(loopback).address()).startsWith("tcp:[::1]:");
    }
    byte[] bytes = new byte[16];
    bytes[0] = 0x20;
    bytes[1] = 0x01;
    bytes[15] = 1;
    bytes[9] = 2;
    assertThat(IpAddressText.of(bytes)).isEqualTo("2001::2:0:0:1");
  }

  @Test
  void aUnixAddressReadsBackAsItWasBound(@TempDir Path directory) throws IOException {
    for (String text : new String[] {directory + "/s", "@holdfast-test-" + System.nanoTime()}) {
      try (OwnedFd fd = Sockets.openUnix(Sockets.Kind.SEQPACKET)) {
        Sockets.bind(fd, UnixAddress.parse(text), text);
        assertThat(Sockets.facts(fd).address()).isEqualTo("seqpacket:" + text);
        assertThatThrownBy(
                () -> {
                  try (OwnedFd second = Sockets.openUnix(Sockets.Kind.SEQPACKET)) {
                    Sockets.bind(second, UnixAddress.parse(text), text);
                  }
                })
            .hasMessage("bind " + text + ": EADDRINUSE (Address already in use)");
      }
    }
  }

  @Test
  void aListenerThatWasShutDownIsSeenAndComesBack() throws IOException {
    InetAddress address = InetAddress.getByName("127.0.0.1");
    int port;
    try (OwnedFd chosen = listening("127.0.0.1")) {
      port = Sockets.facts(chosen).port();
    }
    try (OwnedFd fd = Sockets.open(address, Sockets.Kind.STREAM)) {
      Sockets.set(fd, SocketOption.REUSE_ADDRESS, 1, "test");
      Sockets.bind(fd, address, port, "test");
      Sockets.listen(fd, 7, "test");
      assertThat(Sockets.isShutDown(fd)).isFalse();
      Sockets.stopListening(fd, "test");
      assertThat(Sockets.isShutDown(fd)).isTrue();
      assertThat(Sockets.isListening(fd)).isFalse();
      Sockets.listen(fd, 7, "test");
      assertThat(Sockets.facts(fd).port()).isEqualTo(port);
      new Socket("127.0.0.1", port).close();
    }
  }

  @Test
  void theGenuineChannelAcceptsAndItsCloseLeavesTheListenerListening() throws IOException {
    acceptThroughAGenuineChannel(); // the JDK opens descriptors of its own the first time
    OpenDescriptors open = OpenDescriptors.now();
    acceptThroughAGenuineChannel();
    open.assertUnchanged();
  }

  private static void acceptThroughAGenuineChannel() throws IOException {
    try (OwnedFd fd = listening("127.0.0.1")) {
      int port = Sockets.facts(fd).port();
      ServerSocketChannel channel = JdkChannels.serverSocketChannel(fd.dup());
      assertThat(channel.getLocalAddress()).isEqualTo(new InetSocketAddress("127.0.0.1", port));
      try (Socket client = new Socket("127.0.0.1", port);
          var accepted = channel.accept()) {
        assertThat(accepted.getRemoteAddress()).isEqualTo(client.getLocalSocketAddress());
      }
      channel.close();
      assertThat(Sockets.isListening(fd)).isTrue();
      assertThat(Sockets.isNonBlocking(fd)).isTrue();
    }
  }
}
