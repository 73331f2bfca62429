package dev.holdfast.broker.config;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ReadyWhen;
import dev.holdfast.broker.core.ResourceLimit;
import dev.holdfast.broker.core.ResourceLimit.Resource;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ServiceConfigurationTest {

  private static final String WHOLE =
      """
      command = ["nginx", "-g", "daemon off;", "{fd:web}", "{worker}", "{other}"]
      listeners = ["web", "api.v1"]
      workers = 2
      user = "www-data"
      group = "adm"
      directory = "/srv"
      environment = { A = "b", "spring.x" = "y {fd:api.v1}", "EMPTY" = "" }
      umask = "0027"
      limits = { processes = "100:200", open-files = 4096, core = "0", address-space = "2GiB" }
      nice = -20
      no-new-privileges = true
      sandbox = ["bwrap", "--dev-bind", "/", "/"]
      javaagent = "8080=web"
      output = "/var/log/web.log"
      ready = "notify"
      ready-timeout = "10ms"
      settle = "0s"
      stop-signal = "QUIT"
      stop-timeout = "1m"
      surge = 3
      restart-delay = "1s"
      restart-delay-max = "1m"
      watchdog = "10s"
      idle-stop = "5m"
      stored = 0
      """;

  private static final FakeHost ROOT = new FakeHost(Map.of(), true);

  private static final ServiceConfig PLAIN =
      ServiceConfig.of(Launch.of(List.of("nginx")), List.of(ListenerName.parse("web")));

  @TempDir Path directory;

  @Test
  void readsEveryKey() throws Exception {
    ServiceConfig expected =
        new ServiceConfig(
            new Launch(
                List.of("nginx", "-g", "daemon off;", "{fd:web}", "{worker}", "{other}"),
                List.of("bwrap", "--dev-bind", "/", "/"),
                new Account("www-data", 33, 4, List.of(4), "/home/www-data", "/bin/www-data"),
                Path.of("/srv"),
                new TreeMap<>(
                    Map.of(
                        "A",
                        "b",
                        "spring.x",
                        "y {fd:api.v1}",
                        "EMPTY",
                        "",
                        "JAVA_TOOL_OPTIONS",
                        "-javaagent:/lib/holdfast-agent.jar=8080=web")),
                0027,
                List.of(
                    new ResourceLimit(Resource.CORE, 0, 0),
                    new ResourceLimit(Resource.PROCESSES, 100, 200),
                    new ResourceLimit(Resource.OPEN_FILES, 4096, 4096),
                    new ResourceLimit(Resource.ADDRESS_SPACE, 2L << 30, 2L << 30)),
                -20,
                true,
                new Output.ToFile(Path.of("/var/log/web.log"))),
            List.of(ListenerName.parse("web"), ListenerName.parse("api.v1")),
            2,
            new ServiceConfig.Readiness(ReadyWhen.NOTIFY, Duration.ofMillis(10), Duration.ZERO),
            new ServiceConfig.Stopping(3, Duration.ofMinutes(1)),
            new ServiceConfig.Restarts(3, Duration.ofSeconds(1), Duration.ofMinutes(1)),
            0,
            Duration.ofSeconds(10),
            Duration.ofMinutes(5));

    assertThat(service(WHOLE)).isEqualTo(expected);
  }

  @Test
  void everyKeyHasAGoodExample() {
    assertThat(ServiceSection.SECTION.keys().keySet())
        .allSatisfy(key -> assertThat("\n" + WHOLE).contains("\n" + key + " = "));
  }

  @Test
  void takesWhatIsNotWrittenFromTheDefaults() throws Exception {
    assertThat(service("command = [\"nginx\"]\nlisteners = [\"web\"]")).isEqualTo(PLAIN);
  }

  @Test
  void readsDefaultsThatAreWrittenOut() throws Exception {
    String written =
        """
        command = ["nginx"]
        listeners = ["web"]
        workers = 1
        environment = {}
        limits = {}
        no-new-privileges = false
        sandbox = []
        javaagent = false
        output = "journal"
        ready = "accepting"
        ready-timeout = "60s"
        settle = "100ms"
        stop-signal = "TERM"
        stop-timeout = "30s"
        surge = 1
        restart-delay = "100ms"
        restart-delay-max = "30s"
        stored = 16
        """;

    assertThat(service(written)).isEqualTo(PLAIN);
  }

  @Test
  void readsTablesAsSectionsToo() throws Exception {
    ServiceConfig read =
        service(
            "command = [\"x\"]\nready = \"exec\"\n[service.web.environment]\nA = \"b\"\n"
                + "[service.web.limits]\ncore = \"unlimited\"");

    assertThat(read.launch().environment()).isEqualTo(Map.of("A", "b"));
    assertThat(read.launch().limits())
        .containsExactly(
            new ResourceLimit(Resource.CORE, ResourceLimit.UNLIMITED, ResourceLimit.UNLIMITED));
  }

  @Test
  void aServiceMayHaveNoListenersIfItSaysWhenItIsReady() throws Exception {
    assertThat(service("command = [\"x\"]\nready = \"exec\"").listeners()).isEmpty();
    assertThat(service("command = [\"x\"]\nready = \"notify\"\nlisteners = []").listeners())
        .isEmpty();
  }

  private record Agent(
      String keys,
      Map<String, String> variables,
      List<String> command,
      @Nullable String variable) {}

  static Stream<Agent> agents() {
    String argument = "-javaagent:/lib/holdfast-agent.jar";
    String own = "-javaagent:/app/holdfast-agent.jar=80=web";
    Map<String, String> inherited = Map.of("JAVA_TOOL_OPTIONS", "-Da='b c'");
    return Stream.of(
        new Agent(
            "command = [\"java\", \"-jar\", \"{fd:web}\"]\njavaagent = true",
            Map.of(),
            List.of("java", argument, "-jar", "{fd:web}"),
            null),
        new Agent(
            "command = [\"/opt/jdk/bin/java\", \"X\"]\njavaagent = \"80=web,quiet=2s\"",
            inherited,
            List.of("/opt/jdk/bin/java", argument + "=80=web,quiet=2s", "X"),
            null),
        new Agent(
            "command = [\"catalina.sh\", \"run\"]\njavaagent = true",
            Map.of(),
            List.of("catalina.sh", "run"),
            argument),
        new Agent(
            "command = [\"mvn\"]\njavaagent = \"80=web\"",
            inherited,
            List.of("mvn"),
            argument + "=80=web -Da='b c'"),
        new Agent(
            "command = [\"mvn\"]\njavaagent = true\nenvironment = { JAVA_TOOL_OPTIONS = \"-Dx\" }",
            inherited,
            List.of("mvn"),
            argument + " -Dx"),
        new Agent(
            "command = [\"mvn\"]\njavaagent = true",
            Map.of("AGENT", "/a b/holdfast-agent.jar"),
            List.of("mvn"),
            "\"-javaagent:/a b/holdfast-agent.jar\""),
        new Agent(
            "command = [\"java\", \"" + own + "\"]\njavaagent = true",
            Map.of(),
            List.of("java", own),
            null),
        new Agent(
            "command = [\"java\", \"X\"]\njavaagent = \"80=web\"",
            Map.of("JAVA_TOOL_OPTIONS", own),
            List.of("java", "X"),
            null),
        new Agent("command = [\"java\"]\njavaagent = false", Map.of(), List.of("java"), null));
  }

  @ParameterizedTest
  @MethodSource("agents")
  void putsTheAgentIntoTheCommandOfAJvmAndElseIntoAVariable(Agent agent) throws Exception {
    Launch launch =
        only(read(
                "[service.web]\nlisteners = [\"web\"]\n" + agent.keys(),
                new FakeHost(agent.variables(), true)))
            .launch();

    assertThat(launch.command()).isEqualTo(agent.command());
    assertThat(launch.environment().get("JAVA_TOOL_OPTIONS")).isEqualTo(agent.variable());
  }

  @Test
  void listenersMayComeFromElsewhere() throws Exception {
    Configuration read =
        read(
            "[service.\"a.b@c\"]\ncommand = [\"x\"]\nlisteners = [\"of-the-command-line\"]",
            FakeHost.PLAIN);

    assertThat(read.broker().services()).containsOnlyKeys("a.b@c");
    assertThat(read.warnings()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "cpu-time,      90,                CPU_TIME,      90,         90",
    "cpu-time,      '\"90s:2m\"',      CPU_TIME,      90,         120",
    "cpu-time,      '\"unlimited\"',   CPU_TIME,      -1,         -1",
    "file-size,     '\"1KiB\"',        FILE_SIZE,     1024,       1024",
    "data,          '\"7B\"',          DATA,          7,          7",
    "stack,         '\"8MiB:unlimited\"', STACK,      8388608,    -1",
    "core,          '\"0:1GiB\"',      CORE,          0,          1073741824",
    "processes,     '\"100:200\"',     PROCESSES,     100,        200",
    "open-files,    0,                 OPEN_FILES,    0,          0",
    "locked-memory, '\"64KiB:65536\"', LOCKED_MEMORY, 65536,      65536",
    "address-space, 4294967296,        ADDRESS_SPACE, 4294967296, 4294967296",
  })
  void readsEveryLimit(String word, String value, Resource resource, long soft, long hard)
      throws Exception {
    ServiceConfig read =
        service("command = [\"x\"]\nready = \"exec\"\nlimits." + word + " = " + value);

    assertThat(read.launch().limits()).containsExactly(new ResourceLimit(resource, soft, hard));
  }

  @Test
  void oneWhoSortsTheLimitsChangesNothing() throws Exception {
    String start = "command = [\"x\"]\nready = \"exec\"\n";

    assertThat(service(start + "limits = { core = 0, data = 1, stack = 2 }"))
        .isEqualTo(service(start + "limits = { stack = 2, data = 1, core = 0 }"));
  }

  private record Who(String keys, FakeHost host, @Nullable Account account) {}

  static Stream<Who> accounts() {
    Account web = new Account("web", 1000, 1000, List.of(1000, 4), "/home/web", "/bin/web");
    return Stream.of(
        new Who("", ROOT, null),
        new Who("user = \"web\"", ROOT, web),
        new Who("user = 1000", ROOT, web),
        new Who(
            "user = \"web\"\ngroup = 33",
            ROOT,
            new Account("web", 1000, 33, List.of(33, 4), "/home/web", "/bin/web")),
        new Who(
            "user = \"root\"",
            ROOT,
            new Account("root", 0, 0, List.of(0, 4), "/home/root", "/bin/root")),
        new Who(
            "group = \"www-data\"",
            ROOT,
            new Account("root", 0, 33, List.of(33, 4), "/home/root", "/bin/root")),
        new Who(
            "user = 4294967294\ngroup = 7",
            ROOT,
            new Account("4294967294", -2, 7, List.of(7), "/", "/bin/sh")),
        new Who("", FakeHost.PLAIN, null),
        new Who("user = \"web\"", FakeHost.PLAIN, web),
        new Who("user = 1000\ngroup = 1000", FakeHost.PLAIN, web),
        new Who("group = 1000", FakeHost.PLAIN, web));
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void readsWhomWorkersRunAs(Who who) throws Exception {
    Configuration read =
        read("[service.web]\ncommand = [\"x\"]\nready = \"exec\"\n" + who.keys(), who.host());

    assertThat(only(read).launch().account()).isEqualTo(who.account());
  }

  @Test
  void findsTheHostsOwnUsersAndSignals() throws Exception {
    Surroundings host = Surroundings.ofThisProcess();

    ServiceConfig read =
        only(
            read(
                "[service.x]\ncommand = [\"x\"]\nready = \"exec\"\nstop-signal = \"sigusr1\"\n"
                    + "user = "
                    + host.ownUid()
                    + "\ngroup = "
                    + host.ownGid(),
                host));

    assertThat(read.stop().signal()).isEqualTo(10);
    assertThat(read.launch().account())
        .isNotNull()
        .extracting(Account::uid, Account::gid)
        .containsExactly(host.ownUid(), host.ownGid());
  }

  private record Doubt(String file, List<String> warnings) {}

  static Stream<Doubt> doubts() {
    String web = "[listener.web]\nlisten = \"8080\"\nidle = \"spawn\"\n";
    String service = "[service.a]\ncommand = [\"x\"]\nlisteners = [\"web\"]\n";
    return Stream.of(
        new Doubt(web + service, List.of()),
        new Doubt(web + service + "idle-stop = \"5m\"\n", List.of()),
        new Doubt(service + "idle-stop = \"5m\"\n" + web, List.of()),
        new Doubt(
            web,
            List.of(
                ":3: idle = \"spawn\" starts nothing: no service of this file has listeners ="
                    + " [\"web\"]")),
        new Doubt(
            service + "idle-stop = \"5m\"\n[listener.web]\nlisten = \"8080\"\n",
            List.of(
                ":4: idle-stop of [service.a] never applies: none of its listeners has idle ="
                    + " \"spawn\"")),
        new Doubt(
            web.replace("web", "api") + service + "idle-stop = \"5m\"",
            List.of(
                ":3: idle = \"spawn\" starts nothing: no service of this file has listeners ="
                    + " [\"api\"]",
                ":7: idle-stop of [service.a] never applies: none of its listeners has idle ="
                    + " \"spawn\"")));
  }

  @ParameterizedTest
  @MethodSource("doubts")
  void warnsOfWhatWaitsForAPartner(Doubt doubt) throws Exception {
    assertThat(read(doubt.file(), FakeHost.PLAIN).warnings())
        .extracting(Problem::toString)
        .containsExactly(
            doubt.warnings().stream()
                .map(warning -> directory.resolve("holdfast.toml") + warning)
                .toArray(String[]::new));
  }

  private ServiceConfig service(String body) throws IOException, ConfigException {
    return only(read("[service.web]\n" + body, ROOT));
  }

  private static ServiceConfig only(Configuration configuration) {
    assertThat(configuration.broker().services()).hasSize(1);
    return configuration.broker().services().values().iterator().next();
  }

  private Configuration read(String text, Surroundings host) throws IOException, ConfigException {
    Path file = directory.resolve("holdfast.toml");
    Files.writeString(file, text);
    return Configuration.read(file, host);
  }
}
