package dev.holdfast.fd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class UnixSocketTest {

  @TempDir Path directory;

  @BeforeAll
  static void takesItsOwnDescriptorsOnce() throws IOException {
    RightsSender.prepare();
  }

  private interface Conversation {
    void between(UnixSocket client, UnixSocket server) throws IOException;
  }

  private void connected(Conversation conversation) throws IOException {
    UnixAddress address = UnixAddress.parse(directory.resolve("s").toString());
    try (UnixListener listener = UnixListener.bind(address, 8);
        UnixSocket client = UnixSocket.connect(address);
        UnixSocket server = listener.accept().orElseThrow()) {
      conversation.between(client, server);
    } finally {
      Files.deleteIfExists(directory.resolve("s"));
    }
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(UTF_8));
  }

  private static String receiveText(UnixSocket socket, List<OwnedFd> descriptors)
      throws IOException {
    assertThat(socket.awaitReadable(Duration.ofSeconds(10))).isTrue();
    ByteBuffer into = ByteBuffer.allocate(100);
    socket.receive(into, descriptors::add);
    return new String(into.array(), 0, into.position(), UTF_8);
  }

  @Test
  void passesDescriptorsWhichAreCloseOnExecAndIndependentOfTheSocket() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    Path file = Files.writeString(directory.resolve("f"), "hello");
    List<OwnedFd> received = new ArrayList<>();
    connected(
        (client, server) -> {
          try (OwnedFd sent = OwnedFd.openForReading(file.toString())) {
            assertThat(server.send(bytes("x"), List.of(sent, sent))).isEqualTo(1);
          }
          assertThat(receiveText(client, received)).isEqualTo("x");
        });
    assertThat(received).hasSize(2);
    for (OwnedFd fd : received) {
      assertThat(Libc.fcntl(fd.number(), Libc.F_GETFD, 0)).isEqualTo(Libc.FD_CLOEXEC);
      assertThat(Files.readString(Path.of("/proc/self/fd/" + fd.number()))).isEqualTo("hello");
      fd.close();
    }
    open.assertUnchanged();
  }

  @Test
  void passesAsManyAsTheKernelAllowsAndRefusesMore() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    connected(
        (client, server) -> {
          try (OwnedFd one = OwnedFd.openForReading("/dev/null")) {
            server.send(bytes("x"), Collections.nCopies(253, one));
            List<OwnedFd> received = new ArrayList<>();
            assertThat(receiveText(client, received)).isEqualTo("x");
            assertThat(received).hasSize(253);
            received.forEach(OwnedFd::close);
            assertThatThrownBy(() -> server.send(bytes("y"), Collections.nCopies(254, one)))
                .isInstanceOf(IOException.class);
            // What was refused must not ride on the next message.
            server.send(bytes("z"), List.of());
            received.clear();
            assertThat(receiveText(client, received)).isEqualTo("z");
            assertThat(received).isEmpty();
          }
        });
    open.assertUnchanged();
  }

  @Test
  void closesWhatArrivedWhenTheLimitOfOpenFilesCutsDescriptorsShort() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    connected(
        (client, server) -> {
          try (OwnedFd one = OwnedFd.openForReading("/dev/null")) {
            server.send(bytes("x"), Collections.nCopies(20, one));
          }
          Limits.OpenFiles limits = Limits.openFiles();
          Limits.setOpenFiles(withFree(5));
          try {
            assertThatThrownBy(() -> receiveText(client, new ArrayList<>()))
                .isInstanceOf(TruncatedDescriptorsException.class);
          } finally {
            Limits.setOpenFiles(limits.soft());
          }
        });
    open.assertUnchanged();
  }

  /** The limit below which so many numbers are free: those in use may be far apart. */
  private static long withFree(int wanted) {
    Set<String> open = Set.of(new File("/proc/self/fd").list());
    int number = 0;
    for (int free = 0; free < wanted; number++) {
      free += open.contains(Integer.toString(number)) ? 0 : 1;
    }
    return number;
  }

  @Test
  void receivesNoMoreThanItIsToldTo() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    connected(
        (client, server) -> {
          client.acceptAtMost(32);
          List<OwnedFd> received = new ArrayList<>();
          try (OwnedFd one = OwnedFd.openForReading("/dev/null")) {
            server.send(bytes("x"), Collections.nCopies(32, one));
            assertThat(receiveText(client, received)).isEqualTo("x");
            assertThat(received).hasSize(32);
            received.forEach(OwnedFd::close);
            server.send(bytes("y"), Collections.nCopies(33, one));
            assertThatThrownBy(() -> receiveText(client, new ArrayList<>()))
                .isInstanceOf(TruncatedDescriptorsException.class);
          }
        });
    open.assertUnchanged();
  }

  @Test
  void sendsNothingAndKeepsDescriptorsWhenThePeerDoesNotRead() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    connected(
        (client, server) -> {
          try (OwnedFd one = OwnedFd.openForReading("/dev/null")) {
            ByteBuffer much = ByteBuffer.allocate(1 << 20);
            while (server.send(much.clear(), List.of()) > 0) {
              // until the socket's buffer is full
            }
            assertThat(server.send(bytes("x"), List.of(one))).isZero();
          }
        });
    open.assertUnchanged();
  }

  @Test
  void knowsItsPeer() throws IOException {
    connected(
        (client, server) -> {
          PeerCredentials peer = server.peerCredentials();
          assertThat(peer.pid()).isEqualTo((int) ProcessHandle.current().pid());
          assertThat(peer.uid()).isEqualTo(Limits.effectiveUid());
          try (Pidfd pidfd = server.peerPidfd(peer.pid()).orElseThrow()) {
            assertThat(pidfd.hasExited()).isFalse();
          }
        });
  }

  @Test
  void reportsTheEndAndAMissingListener() throws IOException {
    connected(
        (client, server) -> {
          server.close();
          assertThat(client.receive(ByteBuffer.allocate(1), fd -> {})).isEqualTo(-1);
        });
    assertThatThrownBy(() -> UnixSocket.connect(UnixAddress.parse("/nowhere/at/all")))
        .hasMessage("connect /nowhere/at/all: ENOENT (No such file or directory)");
  }

  @Test
  void aPollerSeesReadinessOnceAndForgetsWhatWasRemoved() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    connected(
        (client, server) -> {
          try (Poller poller = Poller.open()) {
            poller.add(server.fd(), Poller.READABLE, "server");
            assertThat(poller.await(Duration.ZERO)).isEmpty();
            client.send(bytes("x"), List.of());
            assertThat(poller.await(null))
                .extracting(Poller.Ready::attachment)
                .containsExactly("server");
            poller.remove(server.fd());
            assertThat(poller.await(Duration.ZERO)).isEmpty();
            poller.wake();
            assertThat(poller.await(null)).isEmpty();
          }
        });
    open.assertUnchanged();
  }

  @Test
  void aPidfdSeesTheEndOfItsProcess() throws Exception {
    Process process = // Without pipes: the JDK closes them some time after the end, under the next
        // test's count.
        new ProcessBuilder("sleep", "1000").inheritIO().start();
    try (Pidfd pidfd = Pidfd.open((int) process.pid())) {
      assertThat(pidfd.hasExited()).isFalse();
      pidfd.signal(9);
      assertThat(pidfd.awaitExit(Duration.ofSeconds(10))).isTrue();
    }
  }

  @Test
  void sendsDescriptorsToOthersAfterAPeerThatWasGone() throws Exception {
    UnixAddress address = UnixAddress.parse("@holdfast-test-gone-" + System.nanoTime());
    try (UnixListener listener = UnixListener.bind(address, 8);
        OwnedFd fd = OwnedFd.openForReading("/dev/null")) {
      for (int round = 0; round < 20; round++) {
        try (UnixSocket gone = UnixSocket.connect(address)) {
          listener.accept().orElseThrow().close();
          org.assertj.core.api.Assertions.assertThatThrownBy(
                  () -> gone.send(java.nio.ByteBuffer.wrap(new byte[] {1}), java.util.List.of(fd)))
              .isInstanceOf(java.io.IOException.class);
        }
        try (UnixSocket there = UnixSocket.connect(address);
            UnixSocket accepted = listener.accept().orElseThrow()) {
          java.util.List<OwnedFd> got = new java.util.ArrayList<>();
          there.send(java.nio.ByteBuffer.wrap(new byte[] {1}), java.util.List.of(fd));
          accepted.receive(java.nio.ByteBuffer.allocate(8), got::add);
          org.assertj.core.api.Assertions.assertThat(got).hasSize(1);
          got.forEach(OwnedFd::close);
        }
      }
    }
  }
}
