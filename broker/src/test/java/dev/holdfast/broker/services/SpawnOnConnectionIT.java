package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.View;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** {@code idle = "spawn"}: no worker runs until the first connection, and that one is served. */
@Tag("unprivileged")
@Timeout(120)
class SpawnOnConnectionIT {
  @RegisterExtension final Stage stage = new Stage();

  private SupervisedService idle(List<String> command, String... lines) throws Exception {
    stage.file().listener("web", "idle = \"spawn\"").service("web", command, lines);
    stage.start();
    SupervisedService web = stage.service("web");
    View view = web.awaitState("idle");
    assertThat(view.members()).isEmpty();
    return web;
  }

  @Test
  void theFirstConnectionStartsTheWorkersAndIsServed() throws Exception {
    SupervisedService web = idle(stage.python("late.py", 1, "before"), "workers = 2");
    int served = Client.pid(stage.port());
    assertThat(web.awaitRunning().pids()).hasSize(2).contains(served);
    assertThat(web.view().restarts()).isZero();
  }

  @Test
  void manyFirstConnectionsStartNoMoreThanThereAreToBe() throws Exception {
    SupervisedService web = idle(stage.python("late.py", 1, "before"), "workers = 2");
    List<Client> clients = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      clients.add(stage.keep(Client.asking(stage.port(), "/")));
    }
    for (Client client : clients) {
      assertThat(client.answer()).contains("worker late-");
    }
    assertThat(web.awaitRunning().pids()).hasSize(2);
  }

  /** A connection that says nothing is a connection all the same. */
  @Test
  void aSilentConnectionStartsThemToo() throws Exception {
    SupervisedService web = idle(stage.python("late.py", 0, "before"));
    try (Client silent = Client.connect(stage.port())) {
      web.awaitRunning();
      silent.ask("/");
      assertThat(Client.pidIn(silent.answer())).isEqualTo(web.pid());
    }
  }

  @Test
  void idleWorkersAreStoppedAndStartedAgainForTheNextConnection() throws Exception {
    SupervisedService web =
        idle(stage.python("late.py", 0, "before"), "idle-stop = \"1s\"", "workers = 2");
    for (int round = 0; round < 3; round++) {
      assertThat(Client.get(stage.port(), "/")).contains("worker late-");
      View idle = web.awaitState("idle");
      assertThat(idle.members()).isEmpty();
    }
    assertThat(web.view().restarts()).as("none of it was a failure").isZero();
  }

  @Test
  void workersWithAConnectionOpenAreNotIdle() throws Exception {
    stage
        .file()
        .listener("web", "idle = \"spawn\"", "blocking = true")
        .service("web", stage.python("naive.py", 4), "idle-stop = \"1s\"");
    stage.start();
    SupervisedService web = stage.service("web");
    try (Client slow = Client.asking(stage.port(), "/")) {
      int worker = web.awaitRunning().pids().iterator().next();
      assertThat(Client.pidIn(slow.answer())).as("it took four seconds").isEqualTo(worker);
    }
    web.awaitState("idle");
  }

  /** Connections come as the idle workers are being stopped, again and again. */
  @Test
  void nothingIsLostBetweenStopAndStart() throws Exception {
    SupervisedService web =
        idle(stage.python("late.py", 0, "before"), "idle-stop = \"1s\"", "workers = 2");
    for (int round = 0; round < 5; round++) {
      LoadGenerator burst = stage.keep(LoadGenerator.start(stage.plan(16).withConnections(200)));
      LoadReport report = burst.await();
      assertThat(report.served()).as("%s", report.lostConnections()).isEqualTo(200);
      try (Events events = stage.broker().watch()) {
        events.await("workerStopping");
      }
    }
    assertThat(web.view().restarts()).isZero();
  }

  /** The connection that waits makes the listener readable all the time. */
  @Test
  void aCrashLoopDoesNotSpinOnTheWaitingConnection() throws Exception {
    stage.become(stage.python("dies.py"));
    SupervisedService web =
        idle(stage.app(), "restart-delay = \"200ms\"", "restart-delay-max = \"1s\"");
    try (Client waiting = Client.asking(stage.port(), "/");
        Events events = stage.broker().watch()) {
      web.awaitState("failing");
      int starts = 0;
      long end = System.nanoTime() + Duration.ofSeconds(4).toNanos();
      for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
        Optional<String> kind =
            events.next(Duration.ofNanos(left)).map(event -> event.string("kind"));
        starts += kind.filter("workerStarted"::equals).isPresent() ? 1 : 0;
      }
      assertThat(starts).as("starts in four seconds").isBetween(2, 12);
      stage.become(stage.python("late.py", 0, "before"));
      assertThat(waiting.answer()).contains("worker late-");
    }
  }

  @Test
  void anIdleServiceCanBeStoppedStartedAndRestarted() throws Exception {
    SupervisedService web = idle(stage.python("late.py", 0, "before"));
    web.succeed("stop");
    try (Client waiting = Client.asking(stage.port(), "/")) {
      assertThat(web.view().state()).isEqualTo("stopped");
      web.succeed("start");
      assertThat(waiting.answer()).contains("worker late-");
    }
    web.awaitRunning();
    web.restart();
  }
}
