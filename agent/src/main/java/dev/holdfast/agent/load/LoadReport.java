package dev.holdfast.agent.load;

import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a load has done so far, or in all. A value: nothing writes to it any more, except who
 * records into its histogram.
 *
 * @param over whether the load has ended
 * @param started connections begun; those without an outcome yet are in flight
 * @param outcomes how many connections ended in which way; every outcome has an entry
 * @param byWorker connections with a good answer, by the worker that it named
 * @param latencies from connect to the last byte, of the good answers only
 * @param elapsed since the start, until now or the end of the last connection
 * @param lostConnections the first thousand that were lost, in order of their end
 * @param localProblem what first kept this side from trying, when outcome LOCAL occurred
 */
public record LoadReport(
    boolean over,
    long started,
    Map<Outcome, Long> outcomes,
    SortedMap<String, Long> byWorker,
    LatencyHistogram latencies,
    Duration elapsed,
    List<LostConnection> lostConnections,
    Optional<String> localProblem) {

  public LoadReport {
    EnumMap<Outcome, Long> all = new EnumMap<>(Outcome.class);
    for (Outcome outcome : Outcome.values()) {
      all.put(outcome, outcomes.getOrDefault(outcome, 0L));
    }
    outcomes = Collections.unmodifiableMap(all);
    byWorker = Collections.unmodifiableSortedMap(new TreeMap<>(byWorker));
    lostConnections = List.copyOf(lostConnections);
  }

  /** How many connections ended in this way. */
  public long count(Outcome outcome) {
    return outcomes.getOrDefault(outcome, 0L);
  }

  /** Connections with a good answer. */
  public long served() {
    return count(Outcome.OK);
  }

  /** Connections that a client lost by the server, of all kinds. LOCAL is not among them. */
  public long lost() {
    return lostByKind().values().stream().mapToLong(Long::longValue).sum();
  }

  /** The losses that occurred, by kind; empty when nothing was lost. */
  public Map<Outcome, Long> lostByKind() {
    EnumMap<Outcome, Long> lost = new EnumMap<>(Outcome.class);
    outcomes.forEach(
        (outcome, count) -> {
          if (outcome.isLost() && count > 0) {
            lost.put(outcome, count);
          }
        });
    return Collections.unmodifiableMap(lost);
  }

  /** Attempts that this side could not even make. */
  public long local() {
    return count(Outcome.LOCAL);
  }

  /** Connections begun that have no outcome yet, or were abandoned by close. */
  public long inFlight() {
    return started - outcomes.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Connections served in a second, over the whole time. */
  public double rate() {
    return elapsed.isZero() ? 0 : served() * 1e9 / elapsed.toNanos();
  }
}
