package dev.holdfast.broker.testing;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * Waits for what the kernel tells nobody: a state in /proc, a count that goes up. Everything else
 * is waited for by its event.
 */
public final class Await {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final long BETWEEN_LOOKS = 1_000_000;

  private Await() {}

  /** Looks until the condition holds. */
  public static void until(Supplier<String> what, Callable<Boolean> condition) {
    until(PATIENCE, what, condition);
  }

  public static void until(Duration patience, Supplier<String> what, Callable<Boolean> condition) {
    long end = System.nanoTime() + patience.toNanos();
    while (!holds(condition)) {
      if (System.nanoTime() > end) {
        throw new AssertionError("not within " + patience.toSeconds() + " s: " + what.get());
      }
      LockSupport.parkNanos(BETWEEN_LOOKS);
    }
  }

  private static boolean holds(Callable<Boolean> condition) {
    try {
      return condition.call();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError("looking failed", e);
    }
  }
}
