package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.Member;
import dev.holdfast.broker.testing.SupervisedService.View;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A worker counts as ready when it says so or is seen to wait for connections, and not before. */
@Tag("unprivileged")
@Timeout(120)
class ReadinessIT {
  private static final Duration LATE = Duration.ofSeconds(5);

  @RegisterExtension final Stage stage = new Stage();

  /** Neither a listener that it merely has, nor one that is in its epoll, is a wait for it. */
  @ParameterizedTest
  @ValueSource(strings = {"before", "registered"})
  void oneThatSleepsFirstIsReadyWhenItWaits(String way) throws Exception {
    stage.become(stage.python("late.py", 0, way));
    SupervisedService web = stage.running(stage.app());
    int old = web.pid();
    stage.become(stage.python("late.py", LATE.toSeconds(), way));
    LoadGenerator load = stage.lightLoad();
    try (Events events = stage.broker().watch()) {
      ProgramProcess restart = stage.begin("restart", "web");
      JsonObject started = events.await("workerStarted");
      JsonObject ready = events.await("leaseReady");
      assertThat(between(started, ready)).isGreaterThanOrEqualTo(LATE.minusMillis(500));
      JsonObject stopping = events.await("workerStopping");
      assertThat(between(ready, stopping)).isGreaterThanOrEqualTo(Duration.ZERO);
      assertThat(restart.awaitEnd()).as(restart.written()).isZero();
    }
    Stage.awaitMore(load, 50);
    LoadReport report = Stage.endWithoutLoss(load);
    assertThat(report.byWorker()).containsOnlyKeys("late-" + old, "late-" + web.pid());
    assertThat(report.latencies().max())
        .as("no client waited for the one that slept")
        .isLessThan(Duration.ofSeconds(2));
  }

  /** As a browser has it: the first connection comes while the first worker still loads. */
  @Test
  void clientsWaitForTheFirstWorker() throws Exception {
    stage.file().listener("web").service("web", stage.python("late.py", 1, "before"));
    stage.start();
    SupervisedService web = stage.service("web");
    int served = Client.pid(stage.port());
    assertThat(web.awaitRunning().pids()).containsExactly(served);
  }

  @Test
  void oneThatForksIsSeenByItsChildrenAndEndsWithThem() throws Exception {
    SupervisedService web = stage.running(stage.python("prefork.py", 3));
    int master = web.pid();
    List<Processes.Entry> children = Processes.childrenOf(master);
    assertThat(children).hasSize(3).allMatch(child -> child.group() == master);
    assertThat(children).extracting(Processes.Entry::pid).contains(Client.pid(stage.port()));

    LoadGenerator load = stage.lightLoad();
    web.restart();
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);

    children.forEach(child -> assertThat(Processes.isGone(child.pid())).isTrue());
  }

  /** What a killed master leaves behind must not go on serving beside the new ones. */
  @Test
  void theChildrenOfAKilledMasterEndToo() throws Exception {
    SupervisedService web = stage.running(stage.python("prefork.py", 3));
    int master = web.pid();
    List<Processes.Entry> children = Processes.childrenOf(master);
    ProgramProcess.signal(master, ProgramProcess.SIGKILL);
    web.await("another", view -> view.ready() == 1 && !view.pids().contains(master));
    children.forEach(child -> Processes.awaitGone(child.pid()));
    assertThat(Client.get(stage.port(), "/")).contains("worker prefork-");
  }

  @Test
  void oneThatGoesIntoTheBackgroundIsFollowed() throws Exception {
    Path pids = stage.directory().resolve("pids");
    SupervisedService web = stage.running(stage.python("background.py", pids));
    int daemon = Client.pid(stage.port());
    View view = web.await("followed", seen -> seen.pids().equals(Set.of(daemon)));
    assertThat(view.restarts()).as("its end was no failure").isZero();

    LoadGenerator load = stage.lightLoad();
    web.restart();
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);

    assertThat(Processes.isGone(daemon)).isTrue();
    assertThat(Files.readAllLines(pids)).hasSize(2).endsWith(Integer.toString(web.pid()));
    // And it is missed when it is killed.
    int second = web.pid();
    ProgramProcess.signal(second, ProgramProcess.SIGKILL);
    web.await("started again", seen -> seen.ready() == 1 && !seen.pids().contains(second));
    assertThat(Client.pid(stage.port())).isNotEqualTo(second);
  }

  @Test
  void oneThatSaysReadyAndDiesReplacesNobody() throws Exception {
    stage.become(stage.python("says.py", "READY=1"));
    SupervisedService web = stage.running(stage.app(), "ready = \"notify\"", "workers = 2");
    Set<Integer> old = web.pids();
    stage.become(stage.python("ready_and_die.py"));
    LoadGenerator load = stage.lightLoad();

    web.fail("restart", "could not read table users: no such table");

    assertThat(web.view().members("ready")).extracting(Member::pid).containsAll(old);
    Stage.awaitMore(load, 50);
    LoadReport report = Stage.endWithoutLoss(load);
    assertThat(report.byWorker().keySet()).allMatch(name -> old.contains(pidOf(name)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"accepting", "notify"})
  void oneThatNeverGetsReadyIsGivenUpAtItsDeadline(String when) throws Exception {
    stage.become(stage.python("says.py", "READY=1"));
    SupervisedService web =
        stage.running(stage.app(), "ready = \"" + when + "\"", "ready-timeout = \"1500ms\"");
    int old = web.pid();
    stage.become(stage.python("silent.py"));

    web.fail("restart", "waiting for the database at db:5432");

    View after = web.await("as before", view -> view.pids().equals(Set.of(old)));
    assertThat(after.ready()).isOne();
    assertThat(after.message()).as("the list says it too").isPresent();
    assertThat(Client.pid(stage.port())).isEqualTo(old);
  }

  /** It is asked for the word, so seeing is not enough. */
  @Test
  void whoIsToNotifyMustNotify() throws Exception {
    stage.become(stage.python("says.py", "READY=1"));
    SupervisedService web =
        stage.running(stage.app(), "ready = \"notify\"", "ready-timeout = \"1500ms\"");
    int old = web.pid();
    stage.become(stage.python("says.py", "STATUS=I serve, but I do not say so"));
    web.fail("restart", "was not ready", "it did not say READY=1");
    assertThat(web.pids()).contains(old);
    web.await("as before", view -> view.pids().equals(Set.of(old)));
  }

  @Test
  void aLongerDeadlineCanBeAskedFor() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    SupervisedService web = stage.running(stage.app(), "ready-timeout = \"1s\"");
    stage.become(stage.python("late.py", 2, "before"));
    web.fail("restart", "was not ready", "it was not seen waiting on web");
    web.restart("--ready-timeout", "20s");
  }

  @Test
  void oneThatDiesAtOnceSaysWhyThroughTheRestart() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    SupervisedService web = stage.running(stage.app(), "workers = 2");
    Set<Integer> old = web.pids();
    stage.become(stage.python("dies.py"));

    ProgramProcess restart = web.fail("restart", "cannot open settings.toml: no such file");

    assertThat(restart.written()).as("its exit code").contains("3");
    assertThat(web.awaitRunning().pids()).isEqualTo(old);
  }

  @Test
  void forReadyExecTheStartIsEnough() throws Exception {
    stage
        .file()
        .listener("web")
        .service("web", stage.python("silent.py"), "ready = \"exec\"", "settle = \"0ms\"");
    stage.start();
    assertThat(stage.service("web").awaitRunning().ready()).isOne();
  }

  /** Whoever answers, the restart tells it step by step. */
  @Test
  void theRestartShowsItsSteps() throws Exception {
    SupervisedService web = stage.running(stage.python("late.py", 0, "before"), "workers = 2");
    ProgramProcess restart = web.succeed("restart");
    assertThat(restart.outLines()).hasSizeGreaterThan(4);
    for (int pid : web.pids()) {
      assertThat(restart.written()).contains(Integer.toString(pid));
    }
    ProgramProcess json = web.succeed("restart", "--json");
    assertThat(json.outLines()).allMatch(line -> line.startsWith("{") && line.endsWith("}"));
  }

  @Test
  void aSecondRestartAtTheSameTimeSaysSo() throws Exception {
    stage.become(stage.python("late.py", 0, "before"));
    SupervisedService web = stage.running(stage.app());
    stage.become(stage.python("late.py", 2, "before"));
    try (Events events = stage.broker().watch()) {
      ProgramProcess first = stage.begin("restart", "web");
      events.await("rolloutBegun");
      ProgramProcess second = web.run("restart", web.name());
      assertThat(second.awaitEnd()).as("try again: %s", second.written()).isEqualTo(75);
      assertThat(second.written()).contains("web", "restart").doesNotContain("\tat ");
      assertThat(first.awaitEnd()).as(first.written()).isZero();
    }
  }

  /** Who began it may go away; the restart goes on. */
  @Test
  void theRestartOutlivesItsAsker() throws Exception {
    SupervisedService web = stage.running(stage.python("late.py", 1, "before"), "workers = 2");
    Set<Integer> old = web.pids();
    try (Events events = stage.broker().watch()) {
      ProgramProcess restart = stage.begin("restart", "web");
      events.await("workerStarted");
      restart.kill();
      events.await("rolloutDone");
    }
    assertThat(web.awaitRunning().pids()).doesNotContainAnyElementsOf(old);
  }

  @Test
  void anUnknownServiceIsRefused() throws Exception {
    SupervisedService web = stage.running(stage.python("late.py", 0, "before"));
    SupervisedService.assertRefused(web.run("restart", "wbe"), 1, "wbe");
    SupervisedService.assertRefused(web.run("scale", "wbe", "2"), 1, "wbe");
    SupervisedService.assertRefused(web.run("stop", "wbe"), 1, "wbe");
  }

  private static int pidOf(String worker) {
    return Integer.parseInt(worker.replaceAll(".*-", ""));
  }

  private static Duration between(JsonObject first, JsonObject second) {
    long micros = Long.parseLong(second.string("atUsec")) - Long.parseLong(first.string("atUsec"));
    return Duration.ofNanos(micros * 1000);
  }
}
