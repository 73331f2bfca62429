package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.SupervisedService;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each kind of worker is restarted again and again under load, and no client loses anything. */
@Timeout(3600)
class RestartUnderLoadIT {
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");
  private static final int WORKERS = 4;
  private static final int ROLLOUTS = (PROOF ? 1_000 : 12) / WORKERS;
  private static final int IN_FLIGHT = 32;

  @RegisterExtension final Stage stage = new Stage();

  @ParameterizedTest
  @EnumSource
  void losesNothing(Kind kind) throws Exception {
    kind.describe(stage);
    stage.start();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    KernelCounters before = KernelCounters.read();
    LoadGenerator load = stage.load(IN_FLIGHT);
    Set<Integer> seen = new TreeSet<>(web.pids());
    for (int rollout = 1; rollout <= ROLLOUTS; rollout++) {
      long served = load.snapshot().served();
      Set<Integer> now = web.restart().pids();
      assertThat(now).hasSize(WORKERS);
      seen.addAll(now);
      assertThat(load.snapshot().served()).as("served during a restart").isGreaterThan(served);
    }
    LoadReport report = end(load);
    KernelCounters grown = KernelCounters.read().since(before);
    Ledger.note(
        String.format(
            "%s: %d worker restarts, %d connections in flight: %d served, lost %s",
            kind, ROLLOUTS * WORKERS, IN_FLIGHT, report.served(), lost(report)));

    assertThat(report.lostByKind()).as("lost: %s", report.lostConnections()).isEmpty();
    assertThat(grown.listenOverflows()).as("ListenOverflows").isZero();
    assertThat(grown.listenDrops()).as("ListenDrops").isZero();
    assertThat(report.byWorker()).as("workers that served").hasSizeGreaterThan(WORKERS);
    assertThat(seen).as("pids are used again, but not so soon").hasSizeGreaterThan(WORKERS);
  }

  @Test
  void losesNothingAllAtOnce() throws Exception {
    Kind.NAIVE.describe(stage);
    stage.start();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    LoadGenerator load = stage.load(IN_FLIGHT);
    for (int rollout = 0; rollout < 3; rollout++) {
      assertThat(web.restart("--all-at-once").pids()).hasSize(WORKERS);
    }
    Stage.endWithoutLoss(load);
  }

  @Test
  void losesNothingWhenScaledUpAndDown() throws Exception {
    Kind.PREFORK.describe(stage);
    stage.start();
    SupervisedService web = stage.service("web");
    Set<Integer> first = web.awaitRunning().pids();
    LoadGenerator load = stage.load(IN_FLIGHT);
    web.succeed("scale", "6");
    assertThat(web.pids()).hasSize(6).containsAll(first);
    web.succeed("scale", "1");
    assertThat(web.pids()).hasSize(1);
    web.succeed("scale", "4");
    assertThat(web.pids()).hasSize(4);
    Stage.endWithoutLoss(load);
  }

  /** Stopped is another thing than restarted: clients wait in the queue until it is started. */
  @Test
  void clientsWaitWhileItIsStopped() throws Exception {
    Kind.NAIVE.describe(stage);
    stage.start();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    LoadGenerator load = stage.load(IN_FLIGHT);
    web.succeed("stop");
    assertThat(web.view().state()).isEqualTo("stopped");
    assertThat(web.members()).isEmpty();
    long served = load.snapshot().served();
    try (Client waiting = Client.asking(stage.port(), "/")) {
      assertThat(load.snapshot().served()).as("served by nobody").isEqualTo(served);
      web.succeed("start");
      assertThat(web.pids()).contains(Client.pidIn(waiting.answer()));
    }
    Stage.endWithoutLoss(load);
  }

  private static LoadReport end(LoadGenerator load) throws InterruptedException {
    return Stage.end(load);
  }

  private static String lost(LoadReport report) {
    return report.lost() == 0 ? "nothing" : report.lost() + " " + report.lostByKind();
  }
}
