package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real processes that become real programs. */
@Timeout(120)
class ExecTest {

  private static final String ACQUIRE = "dev.holdfast.Worker.Acquire";
  private static final String JAR = "holdfast-agent.jar";
  private static final String RELEASE = "dev.holdfast.Worker.Release";

  @TempDir Path directory;
  private final FakeBroker broker;

  ExecTest() throws IOException {
    broker = new FakeBroker().on(ACQUIRE, this::grant).on(RELEASE, JsonObject.EMPTY);
  }

  @AfterEach
  void stop() throws IOException {
    broker.close();
  }

  private FakeBroker.Answers grant(JsonObject parameters) throws IOException {
    List<JsonObject> sockets = new ArrayList<>();
    List<OwnedFd> descriptors = new ArrayList<>();
    for (String name : parameters.strings("listeners")) {
      OwnedFd socket = Sockets.open(InetAddress.getLoopbackAddress(), Sockets.Kind.STREAM);
      Sockets.bind(socket, InetAddress.getLoopbackAddress(), 0, name);
      Sockets.listen(socket, 5, name);
      sockets.add(
          JsonObject.builder()
              .put("listener", name)
              .put("endpoint", Sockets.facts(socket).address())
              .put("kind", "stream")
              .put("fileDescriptorIndex", descriptors.size())
              .build());
      descriptors.add(socket);
    }
    JsonObject reply =
        JsonObject.builder()
            .put("lease", "17")
            .put("sockets", sockets)
            .put("remaining", false)
            .put("notifySocket", parameters.has("service") ? "/run/notify-17" : null)
            .build();
    return new FakeBroker.Answers(List.of(reply), descriptors);
  }

  private record Ended(long pid, int code, String out, String err) {}

  private Ended start(Map<String, String> environment, List<String> words) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home", ""), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Dholdfast.javaagent=" + directory.resolve(JAR),
                "-cp",
                System.getProperty("java.class.path", ""),
                "dev.holdfast.agent.cli.Main"));
    command.addAll(words);
    return start(environment, command.toArray(new String[0]));
  }

  private Ended start(Map<String, String> environment, String... command) throws Exception {
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().put("HOLDFAST_SOCKET", broker.address());
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    int code = process.waitFor();
    return new Ended(
        process.pid(),
        code,
        new String(Files.readAllBytes(out), ISO_8859_1),
        Files.readString(err, UTF_8));
  }

  private Ended exec(String... words) throws Exception {
    List<String> all = new ArrayList<>(List.of("exec"));
    all.addAll(List.of(words));
    return start(Map.of("NOTIFY_SOCKET", "/run/somebody-elses"), all);
  }

  @Test
  void theProgramFindsItsListenersFromThreeUpAndNothingElse() throws Exception {
    Ended ended =
        exec(
            "--env",
            "NGINX",
            "--env",
            "WHERE=at {fd:tls}",
            "web",
            "tls",
            "--",
            "sh",
            "-c",
            "echo $$; env; ls -l /proc/$$/fd; echo arg=$0",
            "{fd:web}{fd:tls}");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    assertThat(ended.out().lines())
        .contains(
            "" + ended.pid(),
            "LISTEN_FDS=2",
            "LISTEN_PID=" + ended.pid(),
            "LISTEN_FDNAMES=web:tls",
            "HOLDFAST_LEASE=17",
            "HOLDFAST_SOCKET=" + broker.address(),
            "NGINX=3;4;",
            "WHERE=at 4",
            "arg=34")
        .noneMatch(line -> line.startsWith("NOTIFY_SOCKET"));
    assertThat(ended.out().lines().filter(line -> line.contains(" -> ")).map(ExecTest::number))
        .contains("0", "1", "2", "3", "4")
        .allMatch(number -> Integer.parseInt(number) <= 4);
    assertThat(ended.out().lines().filter(line -> line.contains("socket:"))).hasSize(2);
    assertThat(broker.last(ACQUIRE).toString())
        .isEqualTo(
            "{\"listeners\":[\"web\",\"tls\"],\"hold\":\"process\",\"notify\":true,"
                + "\"stopSignal\":\"TERM\"}");
    assertThat(broker.calls).hasSize(1);
  }

  private static String number(String line) {
    return line.substring(0, line.indexOf(" -> ")).replaceAll(".* ", "");
  }

  @Test
  void aServiceGetsItsOwnNotifySocket() throws Exception {
    Ended ended =
        exec("--service", "shop", "--replace", "web", "--", "sh", "-c", "echo $NOTIFY_SOCKET");
    assertThat(ended.out()).isEqualTo("/run/notify-17\n");
    assertThat(broker.last(ACQUIRE).bool("replace")).isTrue();
    assertThat(broker.last(ACQUIRE).bool("notify")).isTrue();
  }

  @Test
  void aWorkerThatTheBrokerStartedKeepsTheNotifySocketItHas() throws Exception {
    Map<String, String> given = Map.of("NOTIFY_SOCKET", "/run/of-17", "HOLDFAST_LEASE", "17");
    List<String> words = List.of("exec", "web", "--", "sh", "-c", "echo $NOTIFY_SOCKET");
    assertThat(start(given, words).out()).isEqualTo("/run/of-17\n");
  }

  @Test
  void onDescriptorZeroItIsAsInetdHasIt() throws Exception {
    Ended ended =
        exec(
            "--fd0",
            "--env",
            "N",
            "web",
            "--",
            "sh",
            "-c",
            "readlink /proc/$$/fd/0; echo N=$N fds=$LISTEN_FDS; ls /proc/$$/fd | wc -w; echo {fd:web}");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.out()).startsWith("socket:[").contains("N=0; fds=\n").endsWith("\n0\n");
  }

  @Test
  void aHeldConnectionStaysOpenInTheProgram() throws Exception {
    Ended ended =
        exec(
            "--hold", "connection", "web", "--", "sh", "-c", "ls -l /proc/$$/fd; echo $LISTEN_FDS");
    assertThat(ended.out().lines().filter(line -> line.contains("socket:")).map(ExecTest::number))
        .containsExactly("3", "4");
    assertThat(ended.out()).endsWith("\n1\n");
    assertThat(broker.last(ACQUIRE).toString())
        .as("there is no process that could be looked at, or get a signal")
        .isEqualTo("{\"listeners\":[\"web\"],\"hold\":\"connection\"}");
  }

  @Test
  void theSignalThatStopsTheProgramIsTold() throws Exception {
    Ended ended = exec("--stop-signal", "QUIT", "web", "--", "true");
    assertThat(ended.err()).isEmpty();
    assertThat(broker.last(ACQUIRE).string("stopSignal")).isEqualTo("QUIT");
  }

  @Test
  void argumentsPassByteForByte() throws Exception {
    Path script = directory.resolve("run.sh");
    // Java could not hand such an argument to a process; a shell can.
    Files.writeString(
        script,
        "exec \"$JAVA\" -cp \"$CP\" dev.holdfast.agent.cli.Main exec --env V=$(printf 'a\\377')"
            + " web -- sh -c 'printf %s \"$0|$V\"' \"$(printf 'b\\351\\200{fd:web}')\"\n");
    for (String locale : List.of("C", "C.UTF-8")) {
      Ended ended =
          start(
              Map.of(
                  "LC_ALL", locale,
                  "JAVA", Path.of(System.getProperty("java.home", ""), "bin", "java").toString(),
                  "CP", System.getProperty("java.class.path", "")),
              "sh",
              script.toString());
      assertThat(ended.err()).isEmpty();
      assertThat(ended.out()).isEqualTo("b\u00e9\u00803|a\u00ff");
    }
  }

  @Test
  void aProgramThatIsNotThereCostsNoLease() throws Exception {
    Ended ended = exec("web", "--", "no-such-program-anywhere");
    assertThat(ended.code()).isEqualTo(127);
    assertThat(ended.err()).startsWith("holdfast: execute no-such-program-anywhere: ENOENT");
    assertThat(exec("web", "--", "/").code()).isEqualTo(126);
    assertThat(broker.calls).isEmpty();
  }

  @Test
  void aLeaseIsGivenBackWhenTheProgramCannotStart() throws Exception {
    Path script = Files.writeString(directory.resolve("odd"), "#!/no/such/interpreter\n");
    assertThat(script.toFile().setExecutable(true)).isTrue();
    Ended ended = exec("web", "--", script.toString());
    assertThat(ended.code()).isEqualTo(127);
    assertThat(ended.err()).startsWith("holdfast: execute " + script + ": ENOENT");
    assertThat(broker.last(RELEASE).string("lease")).isEqualTo("17");
  }

  @Test
  void aRehearsalShowsWhatWouldBeGivenAndGivesItBack() throws Exception {
    Ended ended = exec("--dry-run", "--env", "NGINX", "web", "--", "sh", "-c", "{fd:web}");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    assertThat(ended.out()).contains("NGINX=3;").contains("LISTEN_FDS=1").contains("[sh] [-c] [3]");
    assertThat(broker.last(RELEASE).string("lease")).isEqualTo("17");
  }

  /** A program of that name which prints its arguments, and what every JVM would read. */
  private String printing(String name) throws IOException {
    Files.createFile(directory.resolve(JAR));
    Path program =
        Files.writeString(
            directory.resolve(name),
            "#!/bin/sh\nprintf '[%s]' \"$@\"; echo; echo \"$JAVA_TOOL_OPTIONS\"\n");
    assertThat(program.toFile().setExecutable(true)).isTrue();
    return program.toString();
  }

  private String agent() {
    return "-javaagent:" + directory.resolve(JAR);
  }

  @Test
  void aJvmGetsTheAgentAsItsFirstArgument() throws Exception {
    String java = printing("java");
    Ended ended = exec("--javaagent", "web", "--", java, "-jar", "app.jar", "{fd:web}");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.out()).isEqualTo("[" + agent() + "][-jar][app.jar][3]\n\n");
    Path link = Files.createSymbolicLink(directory.resolve("server"), Path.of(java));
    assertThat(exec("web", "--javaagent=80=web,quiet=2s", "--", "" + link, "-cp").out())
        .isEqualTo("[" + agent() + "=80=web,quiet=2s][-cp]\n\n");
    assertThat(exec("web", "--", java, "-jar").out()).isEqualTo("[-jar]\n\n");
  }

  @Test
  void whateverElseStartsAJvmGetsTheAgentInAVariable() throws Exception {
    String script = printing("catalina.sh");
    assertThat(exec("--javaagent", "web", "--", script, "run").out())
        .isEqualTo("[run]\n" + agent() + "\n");
    Ended ended =
        start(
            Map.of("JAVA_TOOL_OPTIONS", "-Da='b c'"),
            List.of("exec", "--javaagent=80=web", "web", "--", script, "run"));
    assertThat(ended.out()).isEqualTo("[run]\n" + agent() + "=80=web -Da='b c'\n");
    List<String> words =
        List.of("--env", "JAVA_TOOL_OPTIONS=-Dport={fd:web}", "--javaagent=x y", "web", "--");
    List<String> all = new ArrayList<>(words);
    all.add(script);
    assertThat(exec(all.toArray(new String[0])).out())
        .isEqualTo("[]\n\"" + agent() + "=x y\" -Dport=3\n");
  }

  @Test
  void anAgentThatIsThereAlreadyStaysAlone() throws Exception {
    String java = printing("java");
    String own = "-javaagent:/app/" + JAR + "=80=web";
    assertThat(exec("--javaagent", "web", "--", java, own, "X").out())
        .isEqualTo("[" + own + "][X]\n\n");
    // By --env: what is in our own environment would be loaded by our own JVM too.
    String variable = "JAVA_TOOL_OPTIONS=" + own;
    for (String option : List.of("--javaagent", "--javaagent=80=web")) {
      assertThat(exec(option, "--env", variable, "web", "--", java, "X").out())
          .isEqualTo("[X]\n" + own + "\n");
    }
    Ended ended = exec("--javaagent=81=web", "--env", variable, "web", "--", java, "X");
    assertThat(ended.code()).isEqualTo(64);
    assertThat(ended.err())
        .isEqualTo(
            "holdfast: exec --javaagent=81=web: JAVA_TOOL_OPTIONS has the agent already, with the"
                + " options 80=web; give them in one place\n");
    assertThat(broker.last(RELEASE).string("lease")).isEqualTo("17");
  }

  @Test
  void anAgentThatIsNotThereCostsNoLease() throws Exception {
    Ended ended = exec("--javaagent", "web", "--", "true");
    assertThat(ended.code()).isEqualTo(78);
    assertThat(ended.err())
        .startsWith("holdfast: exec --javaagent: " + directory.resolve(JAR) + " is missing")
        .contains("--install");
    Ended inetd = exec("--fd0", "--javaagent", "web", "--", "true");
    assertThat(inetd.code()).isEqualTo(64);
    assertThat(inetd.err()).contains("from descriptor 3 up");
    assertThat(broker.calls).isEmpty();
  }

  @Test
  void aRehearsalShowsWhereTheAgentGoes() throws Exception {
    String script = printing("run.sh");
    assertThat(exec("--dry-run", "--javaagent", "web", "--", script).out())
        .contains("JAVA_TOOL_OPTIONS=" + agent() + "\n");
    assertThat(exec("--dry-run", "--javaagent", "web", "--", "java", "X").out())
        .contains("[java] [" + agent() + "] [X]")
        .doesNotContain("JAVA_TOOL_OPTIONS");
  }

  @Test
  void theTrainingForTheArchiveEndsNormallyAndNeedsNoBroker() throws Exception {
    Ended ended = start(Map.of(), List.of(Training.WORD));
    assertThat(ended.out() + ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
  }

  @Test
  void aStoredDescriptorReachesAProgram() throws Exception {
    Path file = Files.writeString(directory.resolve("state"), "kept");
    broker.on(
        "dev.holdfast.Worker.Retrieve",
        parameters ->
            new FakeBroker.Answers(
                List.of(JsonObject.of("fileDescriptorIndex", 0)),
                List.of(OwnedFd.openForReading(file.toString()))));
    Ended ended =
        start(
            Map.of(),
            List.of(
                "retrieve",
                "state",
                "--",
                "sh",
                "-c",
                "cat <&{fd:state}; echo; echo $LISTEN_FDNAMES"));
    assertThat(ended.err()).isEmpty();
    assertThat(ended.out()).isEqualTo("kept\nstate\n");
  }

  @Test
  void nothingOfJunixsocketAndNothingOfTheParserIsLoadedOnTheWay() throws Exception {
    Ended ended =
        start(
            Map.of(),
            Path.of(System.getProperty("java.home", ""), "bin", "java").toString(),
            "-Xlog:class+load:file=" + directory.resolve("classes"),
            "-cp",
            System.getProperty("java.class.path", ""),
            "dev.holdfast.agent.cli.Main",
            "exec",
            "web",
            "--",
            "true");
    assertThat(ended.code()).isZero();
    assertThat(Files.readString(directory.resolve("classes")))
        .contains("dev.holdfast.agent.cli.ExecVerb")
        .doesNotContain("org.newsclub")
        .doesNotContain("picocli")
        .doesNotContain("java.util.regex");
  }
}
