package dev.holdfast.broker.bind;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.broker.core.BindOrder;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Opened;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.SocketOption;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ListenerSocketsTest {

  private final List<Event> events = new ArrayList<>();
  private Poller poller;
  private ListenerSockets sockets;

  @BeforeEach
  void open() throws Exception {
    poller = Poller.open();
    sockets = new ListenerSockets(new HostAddresses(), poller, events::add, () -> Instant.EPOCH);
  }

  @AfterEach
  void close() {
    sockets.close();
    poller.close();
  }

  private static ListenerConfig config(String spec, Companion companion, SocketSettings settings)
      throws Exception {
    return new ListenerConfig(
        ListenSpec.parse(spec), 7, false, IdlePolicy.QUEUE, companion, List.of(), settings);
  }

  private Opened bind(ListenerConfig config) {
    sockets.bind(1, List.of(new BindOrder(ListenerName.parse("web"), config, true)));
    assertThat(events).hasSize(1).first().isInstanceOf(Event.Bound.class);
    return ((Event.Bound) events.remove(0)).opened().get(0);
  }

  @Test
  void optionsThatAreNoLongerGivenGetTheirDefaultBack() throws Exception {
    SocketSettings given =
        new SocketSettings(
            null, false, null, Duration.ofSeconds(9), 5, true, null, null, null, null, null, null);
    long id = bind(config("127.0.0.1:0W", new Companion.None(), given)).main().id();
    OwnedFd fd = sockets.descriptor(id).orElseThrow();
    assertThat(Sockets.get(fd, SocketOption.KEEPALIVE, "it")).isOne();
    assertThat(Sockets.get(fd, SocketOption.DEFER_ACCEPT, "it")).isPositive();
    assertThat(Sockets.get(fd, SocketOption.FAST_OPEN, "it")).isEqualTo(5);

    sockets.applySettings(id, config("127.0.0.1:0W", new Companion.None(), SocketSettings.DEFAULT));

    assertThat(events).isEmpty();
    assertThat(Sockets.get(fd, SocketOption.KEEPALIVE, "it")).isZero();
    assertThat(Sockets.get(fd, SocketOption.DEFER_ACCEPT, "it")).isZero();
    assertThat(Sockets.get(fd, SocketOption.FAST_OPEN, "it")).isZero();
  }

  @Test
  void aPathGetsItsModeAndOwnerBack(@TempDir Path directory) throws Exception {
    Path path = directory.resolve("s");
    boolean root = "root".equals(System.getProperty("user.name"));
    Integer somebody = root ? 1234 : null;
    SocketSettings given =
        new SocketSettings(
            null, false, null, null, null, null, null, null, null, 0600, somebody, somebody);
    long id = bind(config("unix:" + path, new Companion.None(), given)).main().id();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
        .isEqualTo("rw-------");

    sockets.applySettings(id, config("unix:" + path, new Companion.None(), SocketSettings.DEFAULT));

    assertThat(events).isEmpty();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
        .isEqualTo("rw-rw-rw-");
    assertThat(Files.getAttribute(path, "unix:uid"))
        .isEqualTo(Files.getAttribute(directory, "unix:uid"));
    assertThat(Files.getAttribute(path, "unix:gid"))
        .isEqualTo(Files.getAttribute(directory, "unix:gid"));
  }

  @Test
  void aListenerThatIsBoundFreelyCanHaveACompanion() throws Exception {
    SocketSettings free =
        new SocketSettings(null, true, null, null, null, null, null, null, null, null, null, null);

    Opened opened = bind(config("127.0.0.1:0W", new Companion.AbstractName(), free));

    assertThat(opened.companion()).isPresent();
  }

  // ---- sockets that others made

  private ListenerSockets second() {
    return new ListenerSockets(new HostAddresses(), poller, events::add, () -> Instant.EPOCH);
  }

  private static final ListenerName WEB = ListenerName.parse("web");

  @Test
  void aSocketIsHeldOnUnderItsNumber() throws Exception {
    ListenerConfig config = config("127.0.0.1:0W", new Companion.None(), SocketSettings.DEFAULT);
    BoundSocket bound = bind(config).main();
    OwnedFd first = sockets.descriptor(bound.id()).orElseThrow();
    assertThat(bound.proof().inode()).isEqualTo(Sockets.inode(first));
    assertThat(bound.proof().cookie()).isEqualTo(Sockets.facts(first).cookie());
    OwnedFd copy = first.dup();
    sockets.letGo();
    assertThat(sockets.descriptor(bound.id())).isEmpty();

    ListenerSockets next = second();
    try {
      next.hold(WEB, bound, config, copy);
      assertThat(next.descriptor(bound.id())).containsSame(copy);
      assertThat(next.acceptQueue(bound.id()).orElseThrow().limit()).isEqualTo(7);
      next.bind(2, List.of(new BindOrder(ListenerName.parse("api"), config, true)));
      assertThat(((Event.Bound) events.remove(0)).opened().get(0).main().id())
          .isGreaterThan(bound.id());
      try (OwnedFd other = copy.dup()) {
        assertThatThrownBy(() -> next.hold(WEB, bound, config, other))
            .hasMessageContaining("is held already");
        assertThat(other.isOpen()).isTrue();
      }
      Sockets.stopListening(copy, "it");
      turn();
      assertThat(events).containsExactly(new Event.HungUp(bound.id()));
      next.heal(bound.id());
      assertThat(events).contains(new Event.Healed(bound.id(), false));
    } finally {
      next.close();
    }
  }

  /** As the loop does. */
  private void turn() throws Exception {
    for (Poller.Ready ready : poller.await(Duration.ofSeconds(5))) {
      ((Watcher) ready.attachment()).ready(ready.events());
    }
  }

  @Test
  void oneThatMayRefuseIsTakenToDoSo() throws Exception {
    ListenerConfig config =
        new ListenerConfig(
            ListenSpec.parse("127.0.0.1:0W"),
            7,
            false,
            IdlePolicy.REFUSE,
            new Companion.None(),
            List.of(),
            SocketSettings.DEFAULT);
    BoundSocket bound = bind(config).main();
    sockets.refuse(bound.id());
    OwnedFd copy = sockets.descriptor(bound.id()).orElseThrow().dup();
    sockets.letGo();

    ListenerSockets next = second();
    try {
      next.hold(WEB, bound, config, copy);
      assertThat(Sockets.isListening(copy)).isFalse();
      next.startListening(bound.id(), 7);
      assertThat(Sockets.isListening(copy)).isTrue();
      assertThat(events).isEmpty();
    } finally {
      next.close();
    }
  }

  @Test
  void aPathIsKnownAgainAndRemovedOnlyIfItIsStillThatFile(@TempDir Path directory)
      throws Exception {
    Path path = directory.resolve("s");
    ListenerConfig config = config("unix:" + path, new Companion.None(), SocketSettings.DEFAULT);
    BoundSocket bound = bind(config).main();
    OwnedFd first = sockets.descriptor(bound.id()).orElseThrow();
    assertThat(Sockets.facts(first).address()).isEqualTo(bound.endpoint());
    OwnedFd copy = first.dup();
    sockets.letGo();
    assertThat(path).exists();

    ListenerSockets next = second();
    try (OwnedFd third = copy.dup()) {
      next.hold(WEB, bound, config, copy);
      next.closeSocket(bound.id());
      assertThat(path).doesNotExist();

      Files.createFile(path); // another's
      next.hold(WEB, bound, config, third.dup());
      next.closeSocket(bound.id());
      assertThat(path).exists();
    } finally {
      next.close();
    }
  }

  @Test
  void aUnixSocketThatIsReplacedHasAnotherProof(@TempDir Path directory) throws Exception {
    Path path = directory.resolve("s");
    ListenerConfig config = config("unix:" + path, new Companion.None(), SocketSettings.DEFAULT);
    BoundSocket bound = bind(config).main();
    Sockets.stopListening(sockets.descriptor(bound.id()).orElseThrow(), "it");

    sockets.heal(bound.id());

    BoundSocket renewed = ((Event.Renewed) events.get(0)).socket();
    assertThat(renewed.id()).isEqualTo(bound.id());
    assertThat(renewed.proof().inode()).isNotEqualTo(bound.proof().inode());
    assertThat(renewed.proof().path()).isNotNull();
    assertThat(events.get(1)).isEqualTo(new Event.Healed(bound.id(), true));
  }

  @Test
  void aForeignSocketIsAdoptedAsItIs() throws Exception {
    ListenerConfig config = config("127.0.0.1:0W", new Companion.None(), SocketSettings.DEFAULT);
    InetAddress local = InetAddress.getByName("127.0.0.1");
    OwnedFd foreign = Sockets.open(local, Sockets.Kind.STREAM);
    Sockets.bind(foreign, local, 0, "it");
    Sockets.listen(foreign, 33, "it");
    Sockets.setNonBlocking(foreign, false);

    sockets.numberAbove(41);
    BoundSocket adopted = sockets.adopt(WEB, config, foreign);

    assertThat(adopted.id()).isEqualTo(42);
    assertThat(adopted.endpoint()).isEqualTo(Sockets.facts(foreign).address());
    assertThat(adopted.port()).isEqualTo(Sockets.facts(foreign).port());
    assertThat(adopted.proof().inode()).isEqualTo(Sockets.inode(foreign));
    assertThat(sockets.acceptQueue(42).orElseThrow().limit()).isEqualTo(33);
    assertThat(Sockets.isNonBlocking(foreign)).isFalse();
  }
}
