package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.ServiceFile;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a worker's program finds when the broker has started it. */
@Timeout(60)
class LaunchIT {
  private static final String SIGPIPE_AND_XFSZ = "0000000001001000"; // ignored by Python itself
  private static final String NONE = "0000000000000000";

  @RegisterExtension final Stage stage = new Stage();

  /** A service of the facts program with these lines; what it found. */
  private JsonObject facts(String... lines) throws Exception {
    return facts(Options.none(), lines);
  }

  private JsonObject facts(Options options, String... lines) throws Exception {
    stage.file().listener("web").service("web", stage.python("facts.py"), lines);
    stage.start(options);
    stage.service("web").awaitRunning();
    return found();
  }

  private JsonObject found() throws Exception {
    return Json.parse(Client.get(stage.port(), "/"));
  }

  @Test
  void asTheBrokerIsAndAPlainProcess() throws Exception {
    JsonObject facts = facts();
    int pid = (int) facts.integer("pid");
    assertThat(stage.service("web").pid()).isEqualTo(pid);
    assertThat(facts.integer("group")).as("a process group of its own").isEqualTo(pid);
    assertThat(facts.string("blocked")).isEqualTo(NONE);
    assertThat(facts.string("ignored")).isEqualTo(SIGPIPE_AND_XFSZ);
    assertThat(facts.string("ambient")).isEqualTo(NONE);
    assertThat(facts.string("noNewPrivileges")).isEqualTo("0");
    assertThat(descriptors(facts)).containsOnlyKeys("0", "1", "2", "3");
    assertThat(descriptors(facts).get("0")).isEqualTo("/dev/null");
    assertThat(descriptors(facts).get("3")).startsWith("socket:");
  }

  @Test
  void theEnvironmentSpeaksOfTheListenersAndOfNothingOfTheBrokers() throws Exception {
    JsonObject facts =
        facts(
            Options.none()
                .environment("LISTEN_PID", "1")
                .environment("LISTEN_FDNAMES", "of the broker")
                .environment("WATCHDOG_USEC", "3000000")
                .environment("WATCHDOG_PID", "1")
                .environment("JOURNAL_STREAM", "8:1")
                .environment("INVOCATION_ID", "aa")
                .environment("KEPT", "as it is\nand whole"),
            "environment = { NGINX = \"{fd:web};\", EMPTY = \"\", QUOTED = \"a 'b' $HOME `id`\" }");
    Map<String, String> environment = environment(facts);
    assertThat(environment)
        .containsEntry("LISTEN_FDS", "1")
        .containsEntry("LISTEN_FDNAMES", "web")
        .containsEntry("LISTEN_PID", Long.toString(facts.integer("pid")))
        .containsEntry("NGINX", "3;")
        .containsEntry("EMPTY", "")
        .containsEntry("QUOTED", "a 'b' $HOME `id`")
        .containsEntry("KEPT", "as it is\nand whole")
        .containsEntry("HOLDFAST_SOCKET", stage.broker().socket().toString())
        .containsKeys("HOLDFAST_LEASE", "NOTIFY_SOCKET")
        .doesNotContainKeys(
            "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "INVOCATION_ID", "MANAGERPID");
    assertThat(environment.get("NOTIFY_SOCKET"))
        .as("its own, and not that of the broker's supervisor")
        .doesNotContain("notify-");
    assertThat(environment.get("HOLDFAST_LEASE"))
        .isEqualTo(stage.service("web").members().get(0).lease());
    assertThat(environment.keySet()).noneMatch(name -> name.contains("JAVA_TOOL"));
  }

  @Test
  void namesThatNoShellWritesArePassedOnToo() throws Exception {
    JsonObject facts = facts(Options.none(), "environment = { \"x.y-z\" = \"value\" }");
    assertThat(environment(facts)).containsEntry("x.y-z", "value");
  }

  @Test
  void severalListenersComeInTheirOrder() throws Exception {
    stage
        .file()
        .listener("web")
        .listener("admin")
        .service("web", stage.python("facts.py"), "listeners = [\"admin\", \"web\"]");
    stage.start();
    stage.service("web").awaitRunning();
    JsonObject facts = Json.parse(Client.get(stage.broker().port("admin"), "/"));
    assertThat(environment(facts))
        .containsEntry("LISTEN_FDS", "2")
        .containsEntry("LISTEN_FDNAMES", "admin:web");
    assertThat(descriptors(facts)).containsOnlyKeys("0", "1", "2", "3", "4");
  }

  @Test
  void argumentsPassAsTheyAre() throws Exception {
    List<String> command =
        List.of(
            Workers.compiled("show", stage.directory()).toString(),
            "0",
            "{fd:web}",
            "$HOME `id` 'x' \\",
            "",
            "{worker}",
            "é\n-");
    Path output = stage.directory().resolve("output");
    stage
        .file()
        .listener("web")
        .service(
            "web",
            command,
            "ready = \"exec\"",
            "restart-delay = \"30s\"",
            "restart-delay-max = \"30s\"",
            "output = " + ServiceFile.string(output.toString()));
    stage.start();
    Await.until(
        () -> "what it shows",
        () -> Files.exists(output) && Files.readString(output).contains("\nfd 2"));
    List<String> arguments =
        Files.readAllLines(output).stream()
            .filter(line -> line.startsWith("argument"))
            .map(line -> line.substring("argument ".length()))
            .toList();
    assertThat(arguments.subList(0, 3))
        .containsExactly("33", "24484f4d4520606964602027782720" + "5c", "");
    assertThat(arguments.get(3)).matches("(3[0-9])+");
    assertThat(arguments.get(4)).isEqualTo("c3a90a2d");
    assertThat(Files.readAllLines(output)).noneMatch(line -> line.startsWith("ignored"));
  }

  @Test
  void runsAsItsUser() throws Exception {
    assertThat(Checkout.isRoot()).as("only root can start a program as another user").isTrue();
    JsonObject facts = facts("user = \"nobody\"");
    assertThat(facts.string("uid")).isEqualTo("65534 65534 65534");
    assertThat(facts.string("gid")).isEqualTo("65534 65534 65534");
    assertThat(facts.string("groups")).isIn("65534", "");
    assertThat(facts.string("capabilities")).isEqualTo(NONE);
    assertThat(environment(facts))
        .containsEntry("USER", "nobody")
        .containsEntry("LOGNAME", "nobody")
        .containsKeys("HOME", "SHELL");
    // The broker itself is who it was, in each of its threads.
    try (var tasks = Files.list(Path.of("/proc/" + stage.broker().pid() + "/task"))) {
      for (Path task : tasks.toList()) {
        assertThat(Files.readString(task.resolve("status"))).contains("\nUid:\t0\t0\t0\t0\n");
      }
    }
    stage.service("web").restart();
  }

  @Test
  void runsAsItsGroup() throws Exception {
    assertThat(Checkout.isRoot()).as("only root can start a program with other groups").isTrue();
    JsonObject facts = facts("user = \"daemon\"", "group = \"nogroup\"");
    assertThat(facts.string("uid")).startsWith("1 1 1");
    assertThat(facts.string("gid")).isEqualTo("65534 65534 65534");
  }

  @Test
  void hasItsMaskLimitsNicenessAndDirectory() throws Exception {
    Path work = Files.createDirectory(stage.directory().resolve("work"));
    JsonObject facts =
        facts(
            "umask = \"027\"",
            "limits = { open-files = 333, core = 0 }",
            "nice = 7",
            "no-new-privileges = true",
            "directory = " + ServiceFile.string(work.toString()));
    assertThat(facts.string("umask")).isEqualTo("027");
    assertThat(facts.string("openFiles")).isEqualTo("333 333");
    assertThat(facts.string("core")).isEqualTo("0 0");
    assertThat(facts.integer("nice")).isEqualTo(7);
    assertThat(facts.string("noNewPrivileges")).isEqualTo("1");
    assertThat(facts.string("directory")).isEqualTo(work.toRealPath().toString());
    // None of it is the broker's from now on.
    String status = Files.readString(Path.of("/proc/" + stage.broker().pid() + "/status"));
    assertThat(status).contains("NoNewPrivs:\t0").doesNotContain("Umask:\t0027");
    assertThat(Files.readSymbolicLink(Path.of("/proc/" + stage.broker().pid() + "/cwd")))
        .isNotEqualTo(work.toRealPath());
  }

  /** The JVM raises its own soft limit; programs with select(2) want the one they know. */
  @Test
  void theSoftLimitIsTheOneTheBrokerWasStartedWith() throws Exception {
    JsonObject facts =
        facts(
            Options.none().under(Checkout.installed("prlimit", "util-linux"), "--nofile=700:5000"));
    assertThat(facts.string("openFiles")).isEqualTo("700 5000");
  }

  @ParameterizedTest
  @ValueSource(strings = {"env", "unshare", "bwrap", "sh", "setsid"})
  void theSandboxHasTheRightPid(String wrapper) throws Exception {
    List<String> sandbox =
        switch (wrapper) {
          case "env" -> List.of("/usr/bin/env", "WRAPPED=yes");
          case "unshare" ->
              Checkout.isRoot() ? List.of("unshare", "-n") : List.of("unshare", "-rn");
          case "bwrap" ->
              List.of(
                  Checkout.installed("bwrap", "bubblewrap"),
                  "--unshare-pid",
                  "--unshare-net",
                  "--ro-bind",
                  "/",
                  "/",
                  "--dev",
                  "/dev",
                  "--proc",
                  "/proc");
          case "sh" -> List.of("/bin/sh", "-c", "\"$@\"; exit $?", "wrapper");
          default -> List.of("setsid", "--wait");
        };
    JsonObject facts = facts("sandbox = " + ServiceFile.array(sandbox), "stop-timeout = \"10s\"");
    assertThat(environment(facts))
        .containsEntry("LISTEN_PID", Long.toString(facts.integer("pid")))
        .containsEntry("LISTEN_FDS", "1");
    assertThat(descriptors(facts)).containsKeys("0", "1", "2", "3").hasSize(4);
    // It is seen through the wrapper, restarted through it, and ends with it.
    SupervisedService web = stage.service("web");
    web.restart();
    assertThat(found().integer("pid")).isPositive();
    web.succeed("stop");
    assertThat(web.members()).isEmpty();
  }

  @Test
  void aSandboxWithNotifyReachesItsSocket() throws Exception {
    stage
        .file()
        .listener("web")
        .service(
            "web",
            stage.python("says.py", "READY=1"),
            "ready = \"notify\"",
            "sandbox = "
                + ServiceFile.array(
                    List.of(
                        Checkout.installed("bwrap", "bubblewrap"),
                        "--unshare-net",
                        "--bind",
                        "/",
                        "/",
                        "--dev",
                        "/dev")));
    stage.start();
    assertThat(stage.service("web").awaitRunning().ready()).isOne();
    stage.service("web").restart();
  }

  @Test
  void theJournalNamesServiceAndPid() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    String program = stage.app().get(0);
    stage
        .file()
        .listener("web")
        .service("web", List.of("/bin/sh", "-c", "echo to out; echo to err >&2; exec " + program));
    stage.start();
    SupervisedService web = stage.service("web");
    int pid = web.awaitRunning().pids().iterator().next();
    for (String text : List.of("to out", "to err")) {
      Await.until(
          () -> text + " in:\n" + stage.broker().lastWritten(), () -> line(text).isPresent());
      assertThat(line(text).orElseThrow()).contains("web", Integer.toString(pid));
    }
  }

  private Optional<String> line(String text) {
    return stage.broker().stderr().stream().filter(line -> line.contains(text)).findFirst();
  }

  @Test
  void aFileTakesTheOutput() throws Exception {
    Path output = Files.writeString(stage.directory().resolve("log"), "before\n");
    stage.become(stage.python("late.py", 0, "before"));
    stage
        .file()
        .listener("web")
        .service(
            "web",
            List.of("/bin/sh", "-c", "echo started; exec " + stage.app().get(0)),
            "output = " + ServiceFile.string(output.toString()));
    stage.start();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    web.restart();
    assertThat(Files.readAllLines(output)).containsExactly("before", "started", "started");
  }

  /** No worker starts with anything that another one, or a client of the broker, has open. */
  @Test
  void nothingLeaksUnderPressure() throws Exception {
    stage
        .file()
        .listener("web")
        .service("web", stage.python("facts.py"), "workers = 4")
        .listener("a")
        .listener("b");
    stage.start();
    BrokerProcess broker = stage.broker();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    for (int i = 0; i < 5; i++) {
      stage.keep(broker.connect());
    }
    ProgramProcess first = stage.begin("restart", "web", "--all-at-once");
    assertThat(first.awaitEnd()).as(first.written()).isZero();
    for (int pid : web.pids()) {
      try (var open = Files.list(Path.of("/proc/" + pid + "/fd"))) {
        assertThat(open.map(each -> each.getFileName().toString()).toList())
            .containsExactlyInAnyOrder("0", "1", "2", "3");
      }
    }
  }

  private static Map<String, String> environment(JsonObject facts) {
    return strings(facts.object("environment"));
  }

  private static Map<String, String> descriptors(JsonObject facts) {
    return strings(facts.object("descriptors"));
  }

  private static Map<String, String> strings(JsonObject object) {
    return object.members().keySet().stream()
        .collect(java.util.stream.Collectors.toMap(name -> name, object::string));
  }
}
