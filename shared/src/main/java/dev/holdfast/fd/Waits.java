package dev.holdfast.fd;

import java.time.Duration;

/** Converts waits for calls that take milliseconds. */
final class Waits {

  /** A longer wait is waited for in parts; the caller asks again anyway. */
  private static final Duration LONGEST = Duration.ofHours(1);

  private Waits() {}

  /** Of a wait of any length, also one that no long of nanoseconds holds; 0 when it is over. */
  static int millis(Duration wait) {
    if (wait.isNegative()) {
      return 0;
    }
    return millis((wait.compareTo(LONGEST) > 0 ? LONGEST : wait).toNanos());
  }

  /**
   * Rounds up, so that a wait never ends before its deadline and spins through the last
   * millisecond.
   */
  static int millis(long nanos) {
    return (int) Math.min(Integer.MAX_VALUE, (nanos + 999_999) / 1_000_000);
  }
}
