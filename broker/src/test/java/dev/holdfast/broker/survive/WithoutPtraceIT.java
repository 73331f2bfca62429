package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where the broker may not take a descriptor out of a worker, the next way is taken. */
@Timeout(180)
class WithoutPtraceIT {
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");
  private static final String STRANGER = "61234"; // uids that nobody has
  private static final String WORKERS_USER = "61235";
  private static final Path YAMA = Path.of("/proc/sys/kernel/yama/ptrace_scope");

  @RegisterExtension final Stage stage = new Stage();

  /**
   * pidfd_getfd(2) fails in whatever is started by this, as where a kernel or a sandbox refuses.
   */
  private List<String> refusing(String errno) {
    Path trace = stage.directory().resolve("strace-" + System.nanoTime());
    return List.of(
        Checkout.installed("strace", "strace"),
        "-D",
        "-f",
        "--seccomp-bpf",
        "-e",
        "trace=pidfd_getfd",
        "-e",
        "inject=pidfd_getfd:error=" + errno,
        "-o",
        trace.toString());
  }

  private BrokerProcess startAgainRefused(String errno) throws Exception {
    return stage.startAgain(stage.options().under(refusing(errno).toArray(String[]::new)));
  }

  /** A port of its own, or one that the broker chose in its first life. */
  private void describe(String port) throws IOException {
    String spec = port.equals("fixed") ? Integer.toString(ListeningSocket.freePort()) : port;
    stage.file().listener("web", "listen = \"127.0.0.1:" + spec + "\"");
  }

  private ProgramProcess library(List<String> prefix) throws Exception {
    List<String> command =
        Stream.of(
                prefix.stream(),
                Stage.java(WithoutPtraceIT.class).stream().limit(8),
                Stream.of("dev.holdfast.agent.cli.EchoWorker", "--name", "library"))
            .flatMap(each -> each)
            .toList();
    ProgramProcess worker = stage.workers("web").launch("library", command, Map.of());
    Await.until(
        () -> "ready: " + worker.written(),
        () -> worker.outLines().stream().anyMatch(line -> line.startsWith("ready ")));
    return worker;
  }

  private ProgramProcess program() throws Exception {
    ProgramProcess worker =
        stage
            .workers("web")
            .exec(
                "program",
                Checkout.python(),
                Workers.script("late.py", stage.directory()).toString(),
                "0",
                "before");
    awaitReady(worker);
    return worker;
  }

  private void awaitReady(ProgramProcess worker) {
    Await.until(
        () -> worker + " is not ready: " + worker.written() + stage.broker().lastWritten(),
        () ->
            stage.broker().leases().stream()
                .anyMatch(
                    each ->
                        each.integer("pid") == worker.pid()
                            && each.string("state").equals("ready")));
  }

  private String leaseOf(ProgramProcess worker) throws Exception {
    return stage.broker().leases().stream()
        .filter(each -> each.integer("pid") == worker.pid())
        .map(each -> each.string("lease"))
        .findFirst()
        .orElse("none");
  }

  private void awaitSaid(String what, String... all) {
    Await.until(
        () -> what + " in\n" + stage.broker().lastWritten(),
        () ->
            stage.broker().stderr().stream()
                .anyMatch(line -> Stream.of(all).allMatch(line::contains)));
  }

  @ParameterizedTest
  @CsvSource({"EPERM, fixed", "EPERM, 0W", "ENOSYS, fixed"})
  void aWorkerByTheLibraryBringsItBack(String errno, String port) throws Exception {
    describe(port);
    stage.start();
    ProgramProcess worker = library(List.of());
    String lease = leaseOf(worker);
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    LoadGenerator load = stage.lightLoad();
    stage.crash();
    BrokerProcess broker = startAgainRefused(errno);
    Await.until(
        () -> "the socket of before: " + broker.lastWritten(),
        () ->
            broker.listener("web").has("endpoint")
                && SocketIdentity.inodesOf(broker.pid()).contains(socket.inode()));
    assertThat(SocketIdentity.of(broker, "web")).isEqualTo(socket);
    assertThat(leaseOf(worker)).isEqualTo(lease);
    awaitSaid("what was refused", "pidfd_getfd");
    awaitSaid("that it came back", "event=listenerRecovered name=web");
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);
  }

  /** It cannot know of the broker's trouble, and serves on; the broker waits for its port. */
  @Test
  void aProgramThatCannotIsNamedAndWaitedFor() throws Exception {
    describe("fixed");
    stage.start();
    ProgramProcess worker = program();
    int port = stage.port();
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    LoadGenerator load = stage.lightLoad();
    stage.crash();
    BrokerProcess broker = startAgainRefused("EPERM");
    awaitSaid("what was refused, and who holds it", "web", "pid " + worker.pid(), "pidfd_getfd");
    awaitSaid("that the port is not free", "EADDRINUSE", "pid " + worker.pid());
    assertThat(broker.listener("web").string("state")).isEqualTo("failed");
    assertThat(broker.listener("web").optionalString("message").orElse(""))
        .contains("pid " + worker.pid());
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);

    worker.kill();

    Await.until(
        () -> "a new socket: " + broker.lastWritten(),
        () -> broker.listener("web").has("endpoint"));
    SocketIdentity now = SocketIdentity.of(broker, "web");
    assertThat(now.endpoint()).isEqualTo(socket.endpoint());
    assertThat(now.cookie()).isNotEqualTo(socket.cookie());
    awaitSaid("that the queue was lost", "event=listenerLost name=web", "queue");
    program();
    assertThat(Client.get(port, "/")).contains("worker late-");
  }

  /** Its workers are watched all the same, and the service is not started a second time. */
  @Test
  void supervisedWorkersAreFollowedWithoutTheirSocket() throws Exception {
    describe("fixed");
    stage.file().service("web", stage.python("late.py", 0, "before"), "workers = 2");
    stage.start();
    Set<Integer> pids = stage.service("web").awaitRunning().pids();
    LoadGenerator load = stage.lightLoad();
    stage.crash();
    BrokerProcess broker = startAgainRefused("EPERM");
    awaitSaid("who holds it", "EADDRINUSE", "pid ");
    assertThat(stage.service("web").pids()).isEqualTo(pids);
    assertThat(broker.listener("web").string("state")).isEqualTo("failed");
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);
    // Started again where nothing refuses it, the listener is back.
    broker.kill();
    stage.startAgain();
    assertThat(broker.process().isAlive()).isFalse();
    assertThat(stage.broker().listener("web").string("state")).isEqualTo("listening");
    assertThat(stage.service("web").awaitRunning().pids()).isEqualTo(pids);
  }

  // ---- doctor

  private List<JsonObject> checks(List<String> prefix) throws Exception {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(List.of(Checkout.command().toString(), "doctor", "--json"));
    ProgramProcess doctor = stage.program("doctor", command.toArray(String[]::new));
    doctor.awaitEnd();
    assertThat(doctor.written()).doesNotContain("\tat ");
    return Json.parse(String.join("\n", doctor.outLines())).objects("checks");
  }

  private static List<JsonObject> onPidfdGetfd(List<JsonObject> checks) {
    List<JsonObject> found =
        checks.stream().filter(each -> each.toString().contains("pidfd_getfd")).toList();
    assertThat(found).as("a check on it in %s", checks).isNotEmpty();
    return found;
  }

  @ParameterizedTest
  @ValueSource(strings = {"EPERM", "ENOSYS"})
  void doctorHadSaidSo(String errno) throws Exception {
    describe("0W");
    stage.start();
    assertThat(onPidfdGetfd(checks(List.of())))
        .as("where it works")
        .allMatch(each -> each.string("state").equals("ok"));
    assertThat(onPidfdGetfd(checks(refusing(errno))))
        .as("where it is refused")
        .anyMatch(
            each ->
                !each.string("state").equals("ok")
                    && !each.optionalString("advice").orElse("").isEmpty());
  }

  // ---- users

  private static List<String> as(String uid) {
    return List.of(
        Checkout.installed("setpriv", "util-linux"),
        "--reuid=" + uid,
        "--regid=" + uid,
        "--clear-groups");
  }

  private Options asStranger() throws IOException {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can become another user");
    Files.setAttribute(stage.directory(), "unix:uid", Integer.parseInt(STRANGER));
    return Options.none().under(as(STRANGER).toArray(String[]::new));
  }

  /** No capability is needed for processes of its own user, where Yama does not forbid it. */
  @Test
  void anOrdinaryUserRecoversItsOwn() throws Exception {
    Assumptions.assumeTrue(
        !Files.exists(YAMA) || Files.readString(YAMA).strip().equals("0"),
        "kernel.yama.ptrace_scope is not 0");
    describe("0W");
    stage.file().service("web", stage.python("prints.py"), "workers = 2");
    stage.start(asStranger());
    Set<Integer> pids = stage.service("web").awaitRunning().pids();
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    LoadGenerator load = stage.lightLoad();
    for (int i = 0; i < (PROOF ? 5 : 2); i++) {
      stage.crash();
      stage.startAgain();
      assertThat(SocketIdentity.of(stage.broker(), "web")).isEqualTo(socket);
      assertThat(stage.service("web").awaitRunning().pids()).isEqualTo(pids);
    }
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);
  }

  /** A true refusal: another user's process cannot be looked into; but it can bring it back. */
  @Test
  void aWorkerOfAnotherUserBringsItBack() throws Exception {
    stage
        .file()
        .broker("mode = \"0666\"")
        .listener("web", "allow = [\"uid:" + WORKERS_USER + "\"]");
    stage.start(asStranger());
    ProgramProcess worker = library(as(WORKERS_USER));
    String lease = leaseOf(worker);
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    LoadGenerator load = stage.lightLoad();
    stage.crash();
    BrokerProcess broker = stage.startAgain();
    Await.until(
        () -> "the socket of before: " + broker.lastWritten(),
        () ->
            broker.listener("web").has("endpoint")
                && SocketIdentity.of(broker, "web").equals(socket));
    assertThat(leaseOf(worker)).isEqualTo(lease);
    awaitSaid("whose it is", "pid " + worker.pid(), "CAP_SYS_PTRACE");
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);
  }

  @Test
  void aProgramOfAnotherUserIsNamedAndWaitedFor() throws Exception {
    int port = ListeningSocket.freePort();
    stage
        .file()
        .broker("mode = \"0666\"")
        .listener(
            "web", "listen = \"127.0.0.1:" + port + "\"", "allow = [\"uid:" + WORKERS_USER + "\"]");
    stage.start(asStranger());
    List<String> command = new ArrayList<>(as(WORKERS_USER));
    command.addAll(List.of(Checkout.command().toString(), "exec", "web", "--"));
    command.addAll(List.of(Checkout.python(), worker(), "0", "before"));
    ProgramProcess worker = stage.workers("web").launch("program", command, Map.of());
    Await.until(() -> worker.written(), () -> !leaseOf(worker).equals("none"));
    stage.crash();
    BrokerProcess broker = stage.startAgain();
    awaitSaid("whose it is", "pid " + worker.pid(), "CAP_SYS_PTRACE");
    assertThat(broker.listener("web").string("state")).isEqualTo("failed");
    assertThat(Client.get(port, "/")).contains("worker late-");
    worker.kill();
    Await.until(
        () -> "a new socket: " + broker.lastWritten(),
        () -> broker.listener("web").has("endpoint"));
  }

  private String worker() throws IOException {
    return Workers.script("late.py", stage.directory()).toString();
  }

  // ---- in a container

  /** Process 1 there is a supervisor that starts the broker again when it was killed. */
  @Test
  void inAPidNamespaceItIsRecoveredToo() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can make a pid namespace just so");
    stage
        .file()
        .listener("web")
        .listener("rolling")
        .service("web", stage.python("prints.py"), "workers = 2")
        .service("rolling", stage.python("late.py", 0, "before"), "listeners = [\"rolling\"]");
    String supervisor = "while :; do \"$@\"; code=$?; [ $code -lt 128 ] && exit $code; done";
    BrokerProcess broker =
        stage.start(
            Options.none()
                .under(
                    Checkout.installed("unshare", "util-linux"),
                    "--pid",
                    "--fork",
                    "--mount-proc",
                    "--kill-child",
                    "/bin/sh",
                    "-c",
                    supervisor,
                    "supervisor"));
    Set<Integer> pids = stage.service("web").awaitRunning().pids();
    stage.service("rolling").awaitRunning();
    Map<String, SocketIdentity> sockets = SocketIdentity.of(broker, List.of("web", "rolling"));
    LoadGenerator load = stage.lightLoad();
    for (int i = 0; i < (PROOF ? 5 : 2); i++) {
      ProgramProcess.signal(broker.pid(), ProgramProcess.SIGKILL);
      broker.replaced();
      assertThat(SocketIdentity.of(broker, List.of("web", "rolling"))).isEqualTo(sockets);
      assertThat(stage.service("web").awaitRunning().pids()).isEqualTo(pids);
      SupervisedService rolling = stage.service("rolling");
      rolling.awaitRunning();
      rolling.restart();
      String word = "word-" + System.nanoTime();
      assertThat(Client.get(stage.port(), "/print?" + word)).contains("worker prints-");
      Await.until(
          () -> "the output of a worker in\n" + broker.lastWritten(),
          () -> broker.stderr().stream().anyMatch(line -> line.contains("printed " + word)));
    }
    Stage.endWithoutLoss(load);
  }

  /** The one of the killed broker is still there. */
  @Test
  void theControlSocketIsMadeAnewWithItsMode() throws Exception {
    stage.file().broker("mode = \"0660\"").listener("web");
    stage.start();
    stage.crash();
    assertThat(stage.broker().socket()).exists();
    stage.startAgain();
    assertThat(
            PosixFilePermissions.toString(Files.getPosixFilePermissions(stage.broker().socket())))
        .isEqualTo("rw-rw----");
  }
}
