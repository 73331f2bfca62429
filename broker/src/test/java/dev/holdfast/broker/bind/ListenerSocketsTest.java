package dev.holdfast.broker.bind;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.core.BindOrder;
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
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
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
}
