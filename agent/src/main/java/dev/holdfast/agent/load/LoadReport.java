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
 * @param started connections begun
 * @param requests exchanges begun; as many as connections, unless these are kept for several
 * @param closedIdle connections that the server closed, without having said so, between an answer
 *     and the next request: a nuisance, and no loss
 * @param outcomes how many exchanges ended in which way; every outcome has an entry
 * @param byWorker exchanges with a good answer, by the worker that it named
 * @param latencies from connect, or from the request on a kept connection, to the last byte, of the
 *     good answers only
 * @param elapsed since the start, until now or the end of the last connection
 * @param lostConnections the first thousand that were lost, in order of their end
 * @param localProblem what first kept this side from trying, when outcome LOCAL occurred
 */
public record LoadReport(
    boolean over,
    long started,
    long requests,
    long closedIdle,
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

  /** How many exchanges ended in this way. */
  public long count(Outcome outcome) {
    return outcomes.getOrDefault(outcome, 0L);
  }

  /** Exchanges with a good answer. */
  public long served() {
    return count(Outcome.OK);
  }

  /** Exchanges that a client lost by the server, of all kinds. LOCAL is not among them. */
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

  /** Exchanges begun that have no outcome yet, or were abandoned by close. */
  public long inFlight() {
    return requests - outcomes.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Exchanges served in a second, over the whole time. */
  public double rate() {
    return elapsed.isZero() ? 0 : served() * 1e9 / elapsed.toNanos();
  }
}
