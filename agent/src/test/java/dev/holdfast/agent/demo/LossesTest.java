package dev.holdfast.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LatencyHistogram;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.LostConnection;
import dev.holdfast.agent.load.Outcome;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LossesTest {

  private static final Duration SECOND = Duration.ofSeconds(1);

  @TempDir private Path directory;
  private Path acceptLog;
  private Child child;

  @BeforeEach
  void startAWorker() throws Exception {
    acceptLog = directory.resolve("accepted");
    child =
        Child.start(
            "sleeper", List.of("sleep", "60"), directory.resolve("none"), directory.resolve("log"));
  }

  @AfterEach
  void endIt() {
    child.kill();
  }

  @Test
  void blamesTheKilledWorkerForWhatItHadAccepted() throws Exception {
    Worker killed = killed(true, "+ 127.0.0.2:1001\n- 127.0.0.2:1001\n+ 127.0.0.3:1002\n");
    Losses losses = losses(killed, lost(killed, Outcome.RESET, "127.0.0.3", 1002));
    assertThat(losses).isEqualTo(new Losses(1, 0, 0, Map.of(Outcome.RESET, 1L)));
  }

  @Test
  void countsAsQueuedWhatAnotherHadAccepted() throws Exception {
    Worker killed = killed(true, "+ 127.0.0.3:1002\n");
    Losses losses = losses(killed, lost(killed, Outcome.RESET, "127.0.0.4", 1002));
    assertThat(losses.queued()).as("its port was another address's").isEqualTo(1);
    assertThat(losses.undecided()).as("it was not in accept, it had a client").isZero();
  }

  @Test
  void leavesOneUndecidedWhereTheWorkerMayHaveDiedInAccept() throws Exception {
    Worker killed = killed(true, "+ 127.0.0.2:1001\n- 127.0.0.2:1001\n");
    Losses losses =
        losses(
            killed,
            lost(killed, Outcome.RESET, "127.0.0.2", 1001),
            lost(killed, Outcome.CLOSED_UNANSWERED, "127.0.0.2", 1002));
    assertThat(losses.undecided()).isEqualTo(1);
    assertThat(losses.queued()).isEqualTo(1);
    assertThat(losses.withKilledWorker()).isZero();
  }

  @Test
  void countsAsQueuedWhatNoKillExplains() throws Exception {
    Worker killed = killed(false, "");
    LostConnection before =
        new LostConnection(
            Outcome.RESET,
            Instant.EPOCH,
            Instant.EPOCH.plus(SECOND),
            new InetSocketAddress("127.0.0.2", 1001),
            "long before the kill");
    Losses losses = losses(killed, before, lost(killed, Outcome.REFUSED, "127.0.0.2", 1002));
    assertThat(losses.queued()).isEqualTo(2);
  }

  private Worker killed(boolean oneAtATime, String log) throws Exception {
    Files.writeString(acceptLog, log);
    Worker worker = new Worker(child, "sleep", acceptLog, oneAtATime);
    worker.killNow();
    return worker;
  }

  /** Open when the kill came, and seen as lost after it. */
  private static LostConnection lost(Worker killed, Outcome outcome, String host, int port) {
    Worker.Kill kill = Objects.requireNonNull(killed.kill());
    return new LostConnection(
        outcome,
        kill.asked().minus(SECOND),
        kill.done().plus(SECOND),
        new InetSocketAddress(host, port),
        "");
  }

  private static Losses losses(Worker worker, LostConnection... lost) throws Exception {
    Map<Outcome, Long> outcomes = new EnumMap<>(Outcome.class);
    for (LostConnection each : lost) {
      outcomes.merge(each.outcome(), 1L, Long::sum);
    }
    LoadReport report =
        new LoadReport(
            true,
            lost.length,
            lost.length,
            0,
            outcomes,
            new TreeMap<>(),
            new LatencyHistogram(),
            SECOND,
            List.of(lost),
            Optional.empty());
    return Losses.of(report, List.of(worker));
  }
}
