package dev.holdfast.broker.core;

import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a service is to be: workers of one kind that the broker starts, watches and replaces.
 *
 * @param listeners what each worker gets, in this order, from descriptor 3 up
 * @param workers how many
 * @param stored how many descriptors its workers may deposit with FDSTORE=1
 * @param watchdog how often a worker has to say WATCHDOG=1; null: it need not
 * @param idleStop after how long without a connection workers that a connection started are
 *     stopped; null: never
 */
public record ServiceConfig(
    Launch launch,
    List<ListenerName> listeners,
    int workers,
    Readiness ready,
    Stopping stop,
    Restarts restarts,
    int stored,
    @Nullable Duration watchdog,
    @Nullable Duration idleStop) {

  public static final int MOST_WORKERS = 1000;

  /**
   * When a worker counts as ready.
   *
   * @param timeout how long it may take
   * @param settle how long it must then stay alive before an old one is drained for it
   */
  public record Readiness(ReadyWhen when, Duration timeout, Duration settle) {
    public static final Readiness DEFAULT =
        new Readiness(ReadyWhen.ACCEPTING, Duration.ofSeconds(60), Duration.ofMillis(100));
  }

  /**
   * How a worker is stopped.
   *
   * @param signal asks it to finish; not sent to one that awaits the drain of its lease
   * @param timeout how long it may take; then it is killed
   */
  public record Stopping(int signal, Duration timeout) {
    public static final Stopping DEFAULT = new Stopping(15, Duration.ofSeconds(30));
  }

  /**
   * How workers are replaced.
   *
   * @param surge how many more than {@code workers} may run at once during a rollout
   * @param delay before a worker that failed is started again; doubled for each failure in a row
   * @param longestDelay where the doubling ends; a worker that served longer has not failed in a
   *     row
   */
  public record Restarts(int surge, Duration delay, Duration longestDelay) {
    public static final Restarts DEFAULT =
        new Restarts(1, Duration.ofMillis(100), Duration.ofSeconds(30));
  }

  public ServiceConfig {
    listeners = List.copyOf(listeners);
  }

  /** One worker of a command, with everything else at its default. */
  public static ServiceConfig of(Launch launch, List<ListenerName> listeners) {
    return new ServiceConfig(
        launch,
        listeners,
        1,
        Readiness.DEFAULT,
        Stopping.DEFAULT,
        Restarts.DEFAULT,
        16,
        null,
        null);
  }

  /** Whether the other differs only in what its workers need not be restarted for. */
  boolean runsLike(ServiceConfig other) {
    return launch.equals(other.launch)
        && listeners.equals(other.listeners)
        && ready.when() == other.ready.when()
        && java.util.Objects.equals(watchdog, other.watchdog);
  }
}
