package dev.holdfast.agent.prove;

import dev.holdfast.agent.load.LatencyHistogram;
import dev.holdfast.agent.load.LoadListener;
import dev.holdfast.agent.load.LostConnection;
import dev.holdfast.agent.load.Outcome;
import java.util.EnumMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Sorts what the load did by whether a restart was under way meanwhile. An exchange belongs to the
 * restarts when any part of it overlaps one.
 *
 * <p>The load's thread records, the directing thread says when restarts begin and end, and reads
 * the figures when the load is over.
 */
final class Phases implements LoadListener {

  /** Latencies and losses of one kind of time. */
  static final class Figures {
    private final LatencyHistogram latencies = new LatencyHistogram();
    private final EnumMap<Outcome, Long> lost = new EnumMap<>(Outcome.class);

    LatencyHistogram latencies() {
      return latencies;
    }

    Map<Outcome, Long> lost() {
      return lost;
    }

    long lost(Outcome kind) {
      return lost.getOrDefault(kind, 0L);
    }
  }

  private static final int STATUS_FROM = "HTTP/1.1 ".length();
  private static final int STATUS_TO = STATUS_FROM + 3;

  private final long countedFrom;
  private final Figures steady = new Figures();
  private final Figures restarting = new Figures();
  private final SortedMap<String, Long> otherStatuses = new TreeMap<>();

  // Written by the directing thread, read by the load's; the end before the flag that says so.
  private volatile long ended;
  private volatile boolean underWay;
  private volatile boolean any;

  /**
   * @param countedFrom what began before it, by {@link System#nanoTime}, is the warm-up: its
   *     latencies are not recorded, its losses are
   */
  Phases(long countedFrom) {
    this.countedFrom = countedFrom;
  }

  /** To be called before the restart is asked for. */
  void restartBegins() {
    underWay = true;
    any = true;
  }

  void restartEnded(long now) {
    ended = now;
    underWay = false;
  }

  @Override
  public void served(long began, long end, String head) {
    if (began - countedFrom >= 0) {
      phaseOf(began).latencies.record(end - began);
    }
    if (head.length() >= STATUS_TO && head.charAt(STATUS_FROM) != '2') {
      otherStatuses.merge(head.substring(STATUS_FROM, STATUS_TO), 1L, Long::sum);
    }
  }

  @Override
  public void lost(LostConnection lost, long began, long end) {
    phaseOf(began).lost.merge(lost.outcome(), 1L, Long::sum);
  }

  /** Of an exchange that ends now. */
  private Figures phaseOf(long began) {
    return underWay || (any && ended - began >= 0) ? restarting : steady;
  }

  Figures steady() {
    return steady;
  }

  Figures restarting() {
    return restarting;
  }

  /** How many answers that count as served had a status other than 2xx. */
  SortedMap<String, Long> otherStatuses() {
    return otherStatuses;
  }
}
