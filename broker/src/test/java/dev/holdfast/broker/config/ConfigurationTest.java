package dev.holdfast.broker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Principal;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigurationTest {

  private static final String WHOLE_BROKER =
      """
      [broker]
      socket = "/run/holdfast/holdfast.sock"
      state = "/var/lib/holdfast"
      mode = "0660"
      owner = "web"
      group = 4
      control = ["group:adm"]
      store = ["user:web", "uid:4294967294"]
      retrieve = ["uid:1000", "gid:7"]
      connections-per-uid = 64
      frame-time = "500ms"
      silent-time = "1m"
      drain-time = "1h"
      audit-every = "2s"
      stored = 0
      """;

  private static final String WHOLE_LISTENER =
      """
      listen = "8080"
      backlog = 65535
      blocking = true
      idle = "refuse"
      companion = true
      allow = ["user:www-data", "group:adm", "uid:1000", "gid:5", "all"]
      v6only = true
      freebind = true
      device = "eth0"
      defer-accept = "10s"
      fast-open = 128
      keepalive = true
      receive-buffer = "64KiB"
      send-buffer = 65536
      mark = 4294967295
      """;

  private static final String PATH_LISTENER =
      """
      listen = "unix:/run/web.sock"
      mode = "660"
      owner = "www-data"
      group = "www-data"
      """;

  @TempDir Path directory;

  /**
   * @param body of [listener.web]
   */
  private record Example(String body, ListenerConfig means) {}

  static Stream<Example> listeners() {
    ListenerConfig plain = ListenerConfig.of(spec("8080"));
    return Stream.of(
        new Example("listen = \"8080\"", plain),
        new Example("listen = \"8080\"\ncompanion = false", plain),
        new Example("listen = \"8080\"\ncompanion = \"\"\nidle = \"queue\"", plain),
        new Example(
            "listen = \"8080\"\ncompanion = \"/\"",
            new ListenerConfig(
                plain.spec(),
                plain.backlog(),
                false,
                IdlePolicy.QUEUE,
                new Companion.InDirectory(Path.of("/")),
                List.of(),
                SocketSettings.DEFAULT)),
        new Example(
            "listen = \"8080\"\nidle = \"spawn\"",
            new ListenerConfig(
                plain.spec(),
                plain.backlog(),
                false,
                IdlePolicy.SPAWN,
                plain.companion(),
                List.of(),
                SocketSettings.DEFAULT)),
        new Example(
            "listen = \"0\"\nmode = \"0600\"",
            with(
                spec("0"),
                new SocketSettings(
                    null, false, null, null, null, null, null, null, null, 0600, null, null))),
        new Example(
            "listen = \"udp:127.0.0.1:53\"\nreceive-buffer = \"1MiB\"\nsend-buffer = \"9B\"",
            with(
                spec("udp:127.0.0.1:53"),
                new SocketSettings(
                    null, false, null, null, null, null, 1 << 20, 9, null, null, null, null))),
        new Example(
            PATH_LISTENER,
            with(
                spec("unix:/run/web.sock"),
                new SocketSettings(
                    null, false, null, null, null, null, null, null, null, 0660, 33, 33))),
        new Example(
            WHOLE_LISTENER,
            new ListenerConfig(
                plain.spec(),
                65535,
                true,
                IdlePolicy.REFUSE,
                new Companion.AbstractName(),
                List.of(
                    new Principal.User(33),
                    new Principal.Group(4),
                    new Principal.User(1000),
                    new Principal.Group(5),
                    new Principal.Everybody()),
                new SocketSettings(
                    true,
                    true,
                    "eth0",
                    Duration.ofSeconds(10),
                    128,
                    true,
                    65536,
                    65536,
                    -1,
                    null,
                    null,
                    null))));
  }

  @ParameterizedTest
  @MethodSource("listeners")
  void readsAListener(Example example) throws Exception {
    Configuration read = read("[listener.web]\n" + example.body(), FakeHost.PLAIN);

    assertThat(read.broker().listeners())
        .isEqualTo(Map.of(ListenerName.parse("web"), example.means()));
    assertThat(read.broker().limits()).isEqualTo(BrokerConfig.Limits.DEFAULT);
  }

  @Test
  void readsTheBroker() throws Exception {
    Configuration read = read(WHOLE_BROKER, FakeHost.PLAIN);

    assertThat(read)
        .isEqualTo(
            new Configuration(
                new BrokerConfig(
                    List.of(new Principal.Group(4)),
                    List.of(new Principal.User(1000), new Principal.User(-2)),
                    List.of(new Principal.User(1000), new Principal.Group(7)),
                    new BrokerConfig.Limits(
                        64,
                        Duration.ofMillis(500),
                        Duration.ofMinutes(1),
                        0,
                        Duration.ofHours(1),
                        Duration.ofSeconds(2)),
                    new TreeMap<>()),
                new UnixAddress.Path(Path.of("/run/holdfast/holdfast.sock")),
                Path.of("/var/lib/holdfast"),
                0660,
                1000,
                4,
                List.of()));
  }

  @Test
  void readsAnEmptyFileAsNoConfiguration() throws Exception {
    assertThat(read("", FakeHost.PLAIN)).isEqualTo(Configuration.EMPTY);
    assertThat(read("# nothing\n[broker]\n[listener]\n", FakeHost.PLAIN))
        .isEqualTo(Configuration.EMPTY);
  }

  @Test
  void readsAListenersNameWithDotsInQuotes() throws Exception {
    Configuration read = read("[listener.\"web.v1@x\"]\nlisten = \"80\"", FakeHost.PLAIN);

    assertThat(read.broker().listeners()).containsOnlyKeys(ListenerName.parse("web.v1@x"));
  }

  @Test
  void readsListenersThatShareWhatIsNotFixed() throws Exception {
    String file =
        """
        listener.a.listen = "0W"
        listener.b.listen = "0W"
        listener.c.listen = "8000/8010"
        listener.d.listen = "8000/8010"
        listener.e.listen = "80"
        listener.f.listen = "udp:80"
        listener.g.listen = "127.0.0.1:80"
        listener.h = { listen = "80", device = "eth0" }
        listener.i.listen = "unix:@x"
        listener.j.listen = "seqpacket:@x"
        listener.k.listen = "0"
        listener.l.listen = "0"
        """;

    assertThat(read(file, FakeHost.PLAIN).broker().listeners()).hasSize(12);
  }

  @Test
  void everyKeyHasAGoodExample() {
    assertThat(BrokerSection.SECTION.keys().keySet())
        .allSatisfy(key -> assertThat(WHOLE_BROKER).contains("\n" + key + " = "));
    String listeners = "\n" + WHOLE_LISTENER + PATH_LISTENER;
    assertThat(ListenerSection.SECTION.keys().keySet())
        .allSatisfy(key -> assertThat(listeners).contains("\n" + key + " = "));
  }

  @Test
  void takesTheDirectoryOfCompanionsFromTheEnvironment() throws Exception {
    String file = "[listener.web]\nlisten = \"8080\"\ncompanion = true";

    assertThat(companion(file, FakeHost.withVariable("QUDSPATH", directory.toString())))
        .isEqualTo(new Companion.InDirectory(directory));
    assertThat(companion(file, FakeHost.withVariable("QUDSPATH", "")))
        .isEqualTo(new Companion.None());
    assertThatThrownBy(() -> read(file, FakeHost.withVariable("QUDSPATH", "/no/such")))
        .hasMessageEndingWith(
            ":3: companion: \"/no/such\" of QUDSPATH is not a directory; create it, or name"
                + " another");
  }

  @Test
  void warnsABrokerOfRootThatOthersMayWriteTheFile() throws Exception {
    Path file = directory.resolve("holdfast.toml");
    Files.writeString(file, "");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));

    assertThat(Configuration.read(file, new FakeHost(Map.of(), true)).warnings())
        .extracting(Problem::toString)
        .contains(
            file
                + ": is writable by group or others, and the broker runs as root; run chmod go-w"
                + " on it");
    assertThat(Configuration.read(file, FakeHost.PLAIN).warnings()).isEmpty();
  }

  @Test
  void findsTheHostsOwnUsers() throws Exception {
    Path file = directory.resolve("holdfast.toml");
    Files.writeString(file, "[broker]\ncontrol = [\"user:root\", \"group:root\"]");

    assertThat(Configuration.read(file).broker().control())
        .containsExactly(new Principal.User(0), new Principal.Group(0));
  }

  private Companion companion(String text, Surroundings host) throws Exception {
    return read(text, host).broker().listeners().values().iterator().next().companion();
  }

  private Configuration read(String text, Surroundings host) throws IOException, ConfigException {
    Path file = directory.resolve("holdfast.toml");
    Files.writeString(file, text);
    return Configuration.read(file, host);
  }

  private static ListenerConfig with(ListenSpec spec, SocketSettings settings) {
    ListenerConfig plain = ListenerConfig.of(spec);
    return new ListenerConfig(
        spec,
        plain.backlog(),
        plain.blocking(),
        plain.idle(),
        plain.companion(),
        plain.allow(),
        settings);
  }

  private static ListenSpec spec(String text) {
    try {
      return ListenSpec.parse(text);
    } catch (InvalidSpecException e) {
      throw new AssertionError(e);
    }
  }
}
