package dev.holdfast.fd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SupervisorTest {

  @TempDir Path directory;

  @Test
  void sendsLinesAndADescriptor() throws IOException {
    Path path = directory.resolve("notify");
    OpenDescriptors before = OpenDescriptors.now();
    try (NotifyListener listener = bound(path);
        OwnedFd sent = Sockets.open(InetAddress.getLoopbackAddress(), Sockets.Kind.STREAM)) {
      Supervisor.tell(path.toString(), "FDSTORE=1\nFDNAME=x", sent, Duration.ZERO);
      Supervisor.tell(path.toString(), "READY=1", Duration.ZERO);
      List<OwnedFd> arrived = new ArrayList<>();
      assertThat(receive(listener, arrived)).isEqualTo("FDSTORE=1\nFDNAME=x");
      assertThat(arrived).hasSize(1);
      assertThat(Sockets.inode(arrived.get(0))).isEqualTo(Sockets.inode(sent));
      arrived.remove(0).close();
      assertThat(receive(listener, arrived)).isEqualTo("READY=1");
      assertThat(arrived).isEmpty();
    }
    before.assertUnchanged();
  }

  @Test
  void waitsNoLongerForOneThatDoesNotRead() throws IOException {
    Path path = directory.resolve("notify");
    try (NotifyListener listener = bound(path)) {
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 10_000; i++) {
                  Supervisor.tell(
                      path.toString(), "STATUS=" + i, listener.fd(), Duration.ofMillis(1));
                }
              })
          .isInstanceOf(ErrnoException.class)
          .hasMessageMatching(".*(EAGAIN|ETOOMANYREFS).*");
    }
  }

  @Test
  void waitsForOneThatIsBehind() throws Exception {
    Path path = directory.resolve("notify");
    try (NotifyListener listener = bound(path)) {
      int sent = fill(path);
      FutureTask<Void> last =
          new FutureTask<>(
              () -> {
                Supervisor.tell(path.toString(), "READY=1", Duration.ofMinutes(1));
                return null;
              });
      Thread sender = new Thread(last);
      sender.start();
      String text = "";
      for (int i = 0; i <= sent; i++) {
        assertThat(Polling.await(listener.fd().number(), Libc.POLLIN, Duration.ofMinutes(1)))
            .isTrue();
        text = receive(listener, new ArrayList<>());
      }
      last.get();
      assertThat(text).isEqualTo("READY=1");
    }
  }

  /** Returns how many datagrams the queue took. */
  private static int fill(Path path) {
    for (int i = 0; i < 1_000_000; i++) {
      try {
        Supervisor.tell(path.toString(), "STATUS=" + i, Duration.ZERO);
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.EAGAIN);
        return i;
      }
    }
    throw new AssertionError("the queue has no end");
  }

  private static NotifyListener bound(Path path) throws ErrnoException {
    return NotifyListener.bind(path, 0600, Limits.effectiveUid(), NotifyLibc.getegid());
  }

  private static String receive(NotifyListener listener, List<OwnedFd> arrived) throws IOException {
    ByteBuffer room = ByteBuffer.allocate(4096);
    assertThat(listener.receive(room, arrived::add)).isPositive();
    return new String(room.array(), 0, room.position(), UTF_8);
  }
}
