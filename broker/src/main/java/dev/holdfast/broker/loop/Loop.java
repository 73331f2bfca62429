package dev.holdfast.broker.loop;

import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Effect;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Performer;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Watcher;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Owns the state, and blocks in one place. */
public final class Loop {

  private final Poller poller;
  private final BrokerState state;
  private final Supplier<Instant> clock;
  private final Deque<Event> events = new ArrayDeque<>();
  private final Queue<Runnable> posted =
      new ConcurrentLinkedQueue<>(); // any thread adds, the loop takes
  private boolean changed; // since the performer was last told
  private volatile boolean stopping; // any thread sets it once, the loop reads it

  public Loop(Poller poller, BrokerState state, Supplier<Instant> clock) {
    this.poller = poller;
    this.state = state;
    this.clock = clock;
  }

  /** Queues an event, to be applied after those before it. On the loop's thread only. */
  public void event(Event event) {
    events.add(event);
  }

  /** Has the loop's thread run something; from any thread. */
  public void post(Runnable action) {
    posted.add(action);
    poller.wake();
  }

  /** Makes {@link #run} return; from any thread. */
  public void stop() {
    stopping = true;
    poller.wake();
  }

  /** Applies what is queued, and performs what comes of it, until nothing is left. */
  public void settle(Performer performer) {
    for (Event event = events.poll(); event != null; event = events.poll()) {
      perform(state.apply(event, clock.get()), performer);
      changed = true;
    }
    if (changed) {
      changed = false;
      performer.settled();
    }
  }

  /** Whether nothing waits to be applied, performed or run. On the loop's thread only. */
  public boolean isSettled() {
    return events.isEmpty() && posted.isEmpty() && !changed;
  }

  private static void perform(List<Effect> effects, Performer performer) {
    for (Effect effect : effects) {
      effect.perform(performer);
    }
  }

  /**
   * Runs until {@link #stop}.
   *
   * @param timed what acts by itself, besides the state
   * @param beforeWaiting called each time before the loop blocks
   */
  public void run(Performer performer, List<Timed> timed, Runnable beforeWaiting)
      throws ErrnoException {
    settle(performer);
    while (!stopping) {
      beforeWaiting.run();
      for (Poller.Ready ready : poller.await(untilDeadline(timed))) {
        // Something earlier in the batch may have closed it: the poller still knows who is
        // registered.
        if (poller.isCurrent(ready)) {
          ((Watcher) ready.attachment()).ready(ready.events());
          settle(performer);
        }
      }
      for (Runnable action = posted.poll(); action != null; action = posted.poll()) {
        try {
          action.run();
        } catch (RuntimeException e) {
          // What was posted is one peer's; it must not cost everybody's listeners.
          events.add(new Event.Warned(null, "internal error, please report it: " + e));
        }
      }
      settle(performer);
      Instant now = clock.get();
      List<Effect> expired = state.expire(now);
      changed |= !expired.isEmpty();
      perform(expired, performer);
      for (Timed each : timed) {
        each.expire(now);
      }
      settle(performer);
    }
  }

  private @Nullable Duration untilDeadline(List<Timed> timed) {
    Optional<Instant> earliest = state.nextDeadline();
    for (Timed each : timed) {
      Optional<Instant> next = each.nextDeadline();
      if (next.isPresent() && (earliest.isEmpty() || next.get().isBefore(earliest.get()))) {
        earliest = next;
      }
    }
    if (!posted.isEmpty()) {
      return Duration.ZERO;
    }
    return earliest.map(at -> Duration.between(clock.get(), at)).orElse(null);
  }
}
