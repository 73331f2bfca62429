package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.Member;
import dev.holdfast.broker.testing.SupervisedService.View;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever befalls a rollout, the old workers serve on, and it is said why. */
@Timeout(180)
class RolloutFaultsIT {
  private static final int STRANGER = 61_234; // a uid that nobody has

  /** When a worker is killed: after which event of a rollout. */
  enum Phase {
    STARTING("workerStarted"),
    READY("leaseReady"),
    DRAINING("workerStopping");

    private final String event;

    Phase(String event) {
      this.event = event;
    }
  }

  enum Victim {
    NEW,
    OLD,
    BOTH
  }

  @RegisterExtension final Stage stage = new Stage();

  /** The workers take half a second to begin and to end, so that each phase can be met. */
  @ParameterizedTest
  @Execution(ExecutionMode.CONCURRENT)
  @CsvSource({
    "STARTING, NEW", "STARTING, OLD", "STARTING, BOTH",
    "READY, NEW", "READY, OLD", "READY, BOTH",
    "DRAINING, NEW", "DRAINING, OLD", "DRAINING, BOTH"
  })
  void survivesAKillInEveryPhase(Phase phase, Victim victim) throws Exception {
    SupervisedService web =
        stage.running(
            stage.python("patient.py", "0.5", "0.5"),
            "workers = 2",
            "settle = \"300ms\"",
            "restart-delay = \"100ms\"");
    Set<Integer> old = web.pids();
    LoadGenerator load = stage.lightLoad();
    List<Integer> killed;
    ProgramProcess restart;
    try (Events events = stage.broker().watch()) {
      restart = stage.begin("restart", "web");
      events.await(phase.event);
      killed = victims(web.view(), old, phase, victim);
      killed.forEach(pid -> ProgramProcess.signal(pid, ProgramProcess.SIGKILL));
    }
    int code = restart.awaitEnd();
    assertThat(killed).isNotEmpty();
    if (victim == Victim.NEW && phase == Phase.STARTING) {
      assertThat(code).as(restart.written()).isOne();
      assertThat(restart.written()).containsPattern("(?i)SIGKILL|signal 9|killed");
    }
    assertThat(restart.written()).doesNotContain("\tat ");
    View after = web.awaitRunning();
    assertThat(after.pids()).hasSize(2).doesNotContainAnyElementsOf(killed);
    Stage.awaitMore(load, 50);
    Stage.endWithKills(load, killed.size());

    web.restart();
  }

  private static List<Integer> victims(View view, Set<Integer> old, Phase phase, Victim victim) {
    int newest = view.newest().orElseThrow().pid();
    assertThat(old).doesNotContain(newest);
    int oldOne =
        phase == Phase.DRAINING
            ? view.members("stopping").get(0).pid()
            : old.stream().filter(view.pids()::contains).findFirst().orElseThrow();
    return switch (victim) {
      case NEW -> List.of(newest);
      case OLD -> List.of(oldOne);
      case BOTH -> List.of(newest, oldOne);
    };
  }

  @Test
  void aDrainingWorkerThatIsStoppedIsKilledAtItsDeadline() throws Exception {
    SupervisedService web =
        stage.running(stage.python("patient.py", "0", "20"), "stop-timeout = \"1500ms\"");
    int old = web.pid();
    LoadGenerator load = stage.lightLoad();
    try (Events events = stage.broker().watch()) {
      ProgramProcess restart = stage.begin("restart", "web");
      events.await("workerStopping");
      ProgramProcess.signal(old, ProgramProcess.SIGSTOP);
      events.await("workerKilled");
      assertThat(restart.awaitEnd()).as(restart.written()).isZero();
    }
    Processes.awaitGone(old);
    assertThat(web.awaitRunning().pids()).doesNotContain(old);
    Stage.endWithKills(load, 1);
  }

  @Test
  void aServingWorkerThatIsStoppedIsReplacedAllTheSame() throws Exception {
    SupervisedService web =
        stage.running(
            stage.python("late.py", 0, "before"), "workers = 2", "stop-timeout = \"1500ms\"");
    int frozen = web.pids().iterator().next();
    ProgramProcess.signal(frozen, ProgramProcess.SIGSTOP);
    web.restart();
    Processes.awaitGone(frozen);
  }

  @Test
  void oneThatIgnoresItsSignalIsKilledAtItsDeadline() throws Exception {
    SupervisedService web =
        stage.running(stage.python("stubborn.py"), "workers = 2", "stop-timeout = \"1s\"");
    Set<Integer> old = web.pids();
    try (Events events = stage.broker().watch()) {
      ProgramProcess restart = stage.begin("restart", "web");
      events.await("workerKilled");
      assertThat(restart.awaitEnd()).as(restart.written()).isZero();
    }
    old.forEach(Processes::awaitGone);
  }

  @Test
  void aCommandThatIsGoneIsNamed() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    SupervisedService web = stage.running(stage.app(), "workers = 2");
    Set<Integer> old = web.pids();
    Files.delete(stage.directory().resolve("app"));
    web.fail("restart", stage.app().get(0), "ENOENT");
    assertServesOn(web, old);
  }

  @Test
  void aCommandThatIsNotExecutableIsNamed() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    SupervisedService web = stage.running(stage.app(), "workers = 2");
    Set<Integer> old = web.pids();
    Path app = stage.directory().resolve("app");
    Files.setPosixFilePermissions(app, PosixFilePermissions.fromString("rw-r--r--"));
    web.fail("restart", app.toString(), "EACCES");
    assertServesOn(web, old);
  }

  @Test
  void aScriptWithoutItsInterpreterIsSeenToFail() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    SupervisedService web = stage.running(stage.app());
    Set<Integer> old = web.pids();
    stage.becomeText("#!/no/such/interpreter\n");
    web.fail("restart", "app");
    assertServesOn(web, old);
  }

  @Test
  void aDirectoryThatIsGoneIsNamed() throws Exception {
    Path gone = Files.createDirectory(stage.directory().resolve("gone"));
    SupervisedService web =
        stage.running(stage.python("late.py", 0, "before"), "directory = \"" + gone + "\"");
    Set<Integer> old = web.pids();
    Files.delete(gone);
    web.fail("restart", gone.toString(), "ENOENT");
    assertServesOn(web, old);
  }

  @Test
  void anUnknownUserIsAnErrorOfTheConfiguration() throws Exception {
    SupervisedService web = stage.running(stage.python("late.py", 0, "before"));
    Set<Integer> old = web.pids();
    stage
        .file()
        .service("web", stage.python("late.py", 0, "before"), "user = \"no-such-user-here\"")
        .write();
    SupervisedService.assertRefused(web.run("reload"), 78, "no-such-user-here");
    assertServesOn(web, old);
    Path directory = BrokerProcess.newDirectory();
    ProgramProcess second =
        stage.keep(
            BrokerProcess.launch(
                Options.none().with("--config", stage.file().path().toString()), directory));
    assertThat(second.awaitEnd()).as(second.written()).isEqualTo(78);
    assertThat(second.written()).contains("no-such-user-here").doesNotContain("\tat ");
    BrokerProcess.delete(directory);
  }

  @Test
  void aFloodOfOutputDrownsNobody() throws Exception {
    stage
        .file()
        .listener("web")
        .listener("quiet")
        .service("web", stage.python("talkative.py"))
        .service("quiet", stage.python("late.py", 0, "before"), "listeners = [\"quiet\"]");
    BrokerProcess broker = stage.start();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    stage.service("quiet").awaitRunning();
    long before = kibibytes(stage.rss());
    for (int i = 0; i < 100; i++) {
      long asked = System.nanoTime();
      broker.control("Status", JsonObject.EMPTY);
      assertThat(Duration.ofNanos(System.nanoTime() - asked)).isLessThan(Duration.ofSeconds(2));
      assertThat(Client.get(stage.port(), "/")).contains("worker talkative-");
      assertThat(Client.get(broker.port("quiet"), "/")).contains("worker late-");
    }
    web.restart();
    stage.service("quiet").restart();
    assertThat(kibibytes(stage.rss()) - before).as("KiB more resident").isLessThan(64 * 1024);
  }

  @Test
  void aFloodThatEndsInAFailureIsToldByItsLastLines() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    SupervisedService web = stage.running(stage.app());
    stage.becomeText(
        "#!/bin/sh\nseq 1 200000\nprintf '\\377\\000\\033[31m bytes'\necho; echo the last line"
            + " >&2\nexit 9\n");
    ProgramProcess restart = web.fail("restart", "the last line");
    assertThat(restart.written().length()).isLessThan(64 * 1024);
    assertThat(restart.written()).doesNotContain("\033[31m");
  }

  /** As many threads and processes as the user may have, and then one more. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void theProcessLimitIsReached(int left) throws Exception {
    assertThat(Checkout.isRoot()).as("only root can take another uid").isTrue();
    stage.file().listener("web").service("web", stage.python("late.py", 0, "before"));
    String uid = Integer.toString(STRANGER);
    List<String> stranger =
        List.of(
            Checkout.installed("setpriv", "util-linux"),
            "--reuid",
            uid,
            "--regid",
            uid,
            "--clear-groups");
    Files.setAttribute(stage.directory(), "unix:uid", STRANGER);
    BrokerProcess broker = stage.start(Options.none().under(stranger.toArray(String[]::new)));
    SupervisedService web = stage.service("web");
    Set<Integer> old = web.awaitRunning().pids();
    String before = softLimit(broker.pid(), "Max processes");
    limit(stranger, broker.pid(), "--nproc=" + (tasksOf(STRANGER) + left) + ":");

    ProgramProcess restart = web.run("restart", "web");

    limit(stranger, broker.pid(), "--nproc=" + before + ":");
    assertThat(restart.awaitEnd()).as(restart.written()).isOne();
    assertThat(restart.written()).containsPattern("EAGAIN|thread").doesNotContain("\tat ");
    assertServesOn(web, old);
    web.restart();
  }

  /** No verb can reach it then; but a worker dies, and is started again when there is room. */
  @Test
  void theTableOfDescriptorsIsFull() throws Exception {
    SupervisedService web =
        stage.running(
            stage.python("late.py", 0, "before"),
            "workers = 2",
            "restart-delay = \"100ms\"",
            "restart-delay-max = \"500ms\"");
    BrokerProcess broker = stage.broker();
    int killed = web.pids().iterator().next();
    String before = softLimit(broker.pid(), "Max open files");
    try (Events events = broker.watch()) {
      limit(List.of(), broker.pid(), "--nofile=" + broker.fdCount() / 2 + ":");
      ProgramProcess.signal(killed, ProgramProcess.SIGKILL);
      events.await("workerExited", "workerFailed");
      String failed = events.await("workerFailed", "warning").string("message");
      assertThat(failed).containsPattern("EMFILE|EBADF|EINVAL|open files|descriptor");
      assertThat(Client.pid(stage.port())).isNotEqualTo(killed);
    }
    limit(List.of(), broker.pid(), "--nofile=" + before + ":");
    web.awaitRunning();
    web.restart();
  }

  private void assertServesOn(SupervisedService web, Set<Integer> old) throws Exception {
    View view = web.await("as before", each -> each.pids().equals(old));
    assertThat(view.members()).allMatch(member -> member.is("ready"));
    assertThat(view.members()).extracting(Member::pid).contains(Client.pid(stage.port()));
    assertThat(stage.broker().zombies()).isEmpty();
  }

  /**
   * Sets a soft limit, as the user of the process: for another's, root needs CAP_SYS_RESOURCE
   * (prlimit(2)), which containers do not give.
   */
  private void limit(List<String> asItsUser, int pid, String what) throws Exception {
    List<String> command = new ArrayList<>(asItsUser);
    command.add(Checkout.installed("prlimit", "util-linux"));
    command.addAll(List.of("--pid", Integer.toString(pid), what));
    ProgramProcess prlimit = stage.keep(ProgramProcess.start("prlimit", command, Map.of()));
    assertThat(prlimit.awaitEnd()).as(prlimit.written()).isZero();
  }

  private static String softLimit(int pid, String name) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + pid + "/limits")).stream()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(name.length()).strip().split(" +", -1)[0])
        .findFirst()
        .orElseThrow();
  }

  /** What RLIMIT_NPROC counts: threads. */
  private static long tasksOf(int uid) throws IOException {
    long count = 0;
    List<Path> all = new ArrayList<>();
    try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
      processes.filter(each -> Files.isDirectory(each.resolve("task"))).forEach(all::add);
    }
    for (Path each : all) {
      try (Stream<Path> tasks = Files.list(each.resolve("task"))) {
        String status = Files.readString(each.resolve("status"));
        count += status.contains("\nUid:\t" + uid + "\t") ? tasks.count() : 0;
      } catch (IOException e) {
        // It has ended meanwhile.
      }
    }
    return count;
  }

  private static long kibibytes(String line) {
    return Long.parseLong(line.replaceAll("[^0-9]", ""));
  }
}
