package dev.holdfast.broker.survive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.Limits;
import dev.holdfast.fd.NotifyListener;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SupervisorStoreTest {

  @TempDir Path directory;

  private final List<String> lines = new ArrayList<>();

  @Test
  void takesNothingThatIsForAnother() {
    assertThat(SupervisorStore.take(Map.of(), 7)).isEmpty();
    assertThat(SupervisorStore.take(Map.of("LISTEN_PID", "8", "LISTEN_FDS", "1"), 7)).isEmpty();
    assertThat(SupervisorStore.take(Map.of("LISTEN_PID", "7", "LISTEN_FDS", "-1"), 7)).isEmpty();
    assertThat(SupervisorStore.take(Map.of("LISTEN_PID", "7", "LISTEN_FDS", "x"), 7)).isEmpty();
    assertThat(SupervisorStore.take(Map.of("LISTEN_PID", "7", "LISTEN_FDS", "0"), 7)).isEmpty();
  }

  @Test
  void keepsADescriptorUnderItsNameAndRemovesIt() throws IOException {
    Path path = directory.resolve("notify");
    try (NotifyListener systemd = systemd(path);
        OwnedFd socket = RecoveryTest.listening()) {
      SupervisorStore store = new SupervisorStore(path.toString(), lines::add);
      store.keep(SupervisorStore.listener(ListenerName.parse("web")), socket);
      store.remove(SupervisorStore.stored("box"));
      List<OwnedFd> arrived = new ArrayList<>();
      assertThat(receive(systemd, arrived)).isEqualTo("FDSTORE=1\nFDPOLL=0\nFDNAME=listener-web");
      try (OwnedFd copy = arrived.remove(0)) {
        assertThat(Sockets.inode(copy)).isEqualTo(Sockets.inode(socket));
      }
      assertThat(receive(systemd, arrived)).isEqualTo("FDSTOREREMOVE=1\nFDNAME=stored-box");
      assertThat(lines).isEmpty();
    }
  }

  @Test
  void aSocketOfAUnitIsTakenByItsAddress() throws Exception {
    List<SupervisorStore.Passed> passed = new ArrayList<>();
    OwnedFd socket = RecoveryTest.listening();
    int port = Sockets.facts(socket).port();
    passed.add(new SupervisorStore.Passed("unknown", OwnedFd.openForReading("/dev/null")));
    passed.add(new SupervisorStore.Passed("shop.socket", socket));
    for (String other : new String[] {"" + port, "udp:127.0.0.1:" + port, "0W", "0", "unix:@a"}) {
      assertThat(SupervisorStore.matching(passed, ListenSpec.parse(other))).isEmpty();
    }
    try (OwnedFd taken =
        SupervisorStore.matching(passed, ListenSpec.parse("127.0.0.1:" + port)).orElseThrow()) {
      assertThat(taken).isSameAs(socket);
    }
    assertThat(passed).hasSize(1);
    passed.get(0).close();
  }

  @Test
  void warnsOnceAndNeverFails() throws IOException {
    try (OwnedFd socket = RecoveryTest.listening()) {
      new SupervisorStore("", lines::add).keep("x", socket);
      assertThat(lines).isEmpty();
      Path nobody = directory.resolve("nobody");
      SupervisorStore store = new SupervisorStore(nobody.toString(), lines::add);
      store.keep("x", socket);
      store.keep("y", socket);
      assertThat(lines).hasSize(1);
      assertThat(lines.get(0)).contains("may not have x").contains("ENOENT");
      new SupervisorStore("@a", lines::add).keep("a:b", socket);
      assertThat(lines.get(1)).contains("\"a:b\" is no name");
    }
  }

  private static NotifyListener systemd(Path path) throws IOException {
    Object gid = Files.getAttribute(Path.of("/proc/self"), "unix:gid");
    return NotifyListener.bind(path, 0600, Limits.effectiveUid(), (Integer) gid);
  }

  private static String receive(NotifyListener listener, List<OwnedFd> arrived) throws IOException {
    ByteBuffer room = ByteBuffer.allocate(4096);
    assertThat(listener.receive(room, arrived::add)).isPositive();
    return new String(room.array(), 0, room.position(), UTF_8);
  }
}
