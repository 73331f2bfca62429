package dev.holdfast.agent.load;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The running counts. Only the load's thread touches it; others get reports, which are copies. */
final class Tally {
  static final int LOST_CONNECTIONS_KEPT = 1_000;

  private final EnumMap<Outcome, Long> outcomes = new EnumMap<>(Outcome.class);
  private final Map<String, Long> byWorker = new HashMap<>();
  private final LatencyHistogram latencies = new LatencyHistogram();
  private final List<LostConnection> lostConnections = new ArrayList<>();
  private @Nullable String localProblem;
  private long requests;
  private long closedIdle;

  void asked() {
    requests++;
  }

  /** Takes back one that did not begin after all. */
  void notAsked() {
    requests--;
  }

  void closedIdle() {
    closedIdle++;
  }

  void served(long nanoseconds, Optional<String> worker) {
    outcomes.merge(Outcome.OK, 1L, Long::sum);
    latencies.record(nanoseconds);
    worker.ifPresent(name -> byWorker.merge(name, 1L, Long::sum));
  }

  void local(String problem) {
    outcomes.merge(Outcome.LOCAL, 1L, Long::sum);
    if (localProblem == null) {
      localProblem = problem;
    }
  }

  void lost(LostConnection connection) {
    outcomes.merge(connection.outcome(), 1L, Long::sum);
    if (lostConnections.size() < LOST_CONNECTIONS_KEPT) {
      lostConnections.add(connection);
    }
  }

  LoadReport report(boolean over, long started, long elapsedNanoseconds) {
    return new LoadReport(
        over,
        started,
        requests,
        closedIdle,
        outcomes,
        new TreeMap<>(byWorker),
        latencies.copy(),
        Duration.ofNanos(elapsedNanoseconds),
        lostConnections,
        Optional.ofNullable(localProblem));
  }
}
