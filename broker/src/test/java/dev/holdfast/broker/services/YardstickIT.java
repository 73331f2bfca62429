package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Workers;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What others lose who restart workers with a SO_REUSEPORT socket each, in the same order, under
 * the same load: what waits in the queue of a socket is reset when it is closed. A worker that
 * empties its queue first loses less.
 */
@Timeout(1800)
class YardstickIT {
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");
  private static final int WORKERS = 4;
  private static final int RESTARTS = PROOF ? 1_000 : 20;
  private static final int IN_FLIGHT = 32;
  private static final int BETWEEN = 200;

  @RegisterExtension final Brokers brokers = new Brokers();

  private Path program;
  private int port;

  @ParameterizedTest
  @ValueSource(strings = {"plain", "drains"})
  void workersWithSocketsOfTheirOwnLoseSome(String way) throws Exception {
    Path directory = BrokerProcess.newDirectory();
    program = Workers.compiled("reuseport", directory);
    port = freePort();
    Deque<ProgramProcess> serving = new ArrayDeque<>();
    for (int i = 0; i < WORKERS; i++) {
      serving.add(launch(way));
    }
    LoadPlan plan =
        LoadPlan.against(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port))
            .withConcurrency(IN_FLIGHT)
            .withTimeouts(Duration.ofSeconds(30), Duration.ofSeconds(30));
    LoadGenerator load = brokers.keep(LoadGenerator.start(plan));
    for (int restart = 0; restart < RESTARTS; restart++) {
      Stage.awaitMore(load, BETWEEN);
      serving.add(launch(way));
      ProgramProcess old = serving.remove();
      old.signal(ProgramProcess.SIGTERM);
      assertThat(old.awaitExit()).isZero();
    }
    LoadReport report = Stage.end(load);
    Ledger.note(
        String.format(
            "SO_REUSEPORT in C, %s: %d worker restarts, %d connections in flight: %d served, lost"
                + " %d %s",
            way, RESTARTS, IN_FLIGHT, report.served(), report.lost(), report.lostByKind()));
    if (PROOF && way.equals("plain")) {
      assertThat(report.lost()).as("the yardstick's losses").isPositive();
    }
    BrokerProcess.delete(directory);
  }

  private ProgramProcess launch(String way) throws Exception {
    ProgramProcess worker =
        brokers.keep(
            ProgramProcess.start(
                "reuseport", List.of(program.toString(), Integer.toString(port), way), Map.of()));
    Await.until(
        () -> "a worker that listens: " + worker.written(),
        () -> worker.outLines().contains("ready"));
    return worker;
  }

  private static int freePort() throws Exception {
    try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return probe.getLocalPort();
    }
  }
}
