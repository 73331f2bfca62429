package dev.holdfast.agent.prove;

import java.time.Duration;
import java.util.Optional;

/**
 * What is to be proved.
 *
 * @param service what is restarted; empty: nothing is
 * @param unrestarted why nothing is restarted, or another remark on the service; may be empty
 * @param restarts how many, one after the other
 * @param inFlight how many connections are kept open
 * @param perSecond how many are begun in a second at most; 0: as many as can be
 * @param remote whether the target may be beyond the loopback interface
 * @param lasting how long it goes on at least
 * @param pace how long the quiet times are
 */
public record ProvePlan(
    Target target,
    Speech speech,
    Optional<String> service,
    String unrestarted,
    int restarts,
    int inFlight,
    int perSecond,
    boolean remote,
    Duration lasting,
    Pace pace) {

  /**
   * The times without a restart.
   *
   * @param warmUp the first of them; latencies are not counted in it
   * @param before from its end to the first restart, at least
   * @param between after each restart, at least
   * @param patience for connecting, and for each answer
   */
  public record Pace(Duration warmUp, Duration before, Duration between, Duration patience) {
    /** Long enough for a p99 that means something, at some hundred answers a second. */
    public static final Pace STANDARD =
        new Pace(
            Duration.ofMillis(500),
            Duration.ofSeconds(2),
            Duration.ofSeconds(1),
            Duration.ofSeconds(10));
  }

  /** How many restarts there will be. */
  int planned() {
    return service.isPresent() ? restarts : 0;
  }

  /** How long it is quiet before the first restart, or in all when there is none. */
  Duration quietBefore() {
    Duration least = pace.warmUp().plus(pace.before());
    return longer(least, lasting.dividedBy(planned() + 1L));
  }

  /**
   * How long it is quiet after so many restarts: what is left of the time is spread evenly.
   *
   * @param elapsed since the load began
   */
  Duration quietAfter(int done, Duration elapsed) {
    Duration left = lasting.minus(elapsed);
    return longer(pace.between(), left.dividedBy(planned() - done + 1L));
  }

  private static Duration longer(Duration one, Duration other) {
    return one.compareTo(other) >= 0 ? one : other;
  }
}
