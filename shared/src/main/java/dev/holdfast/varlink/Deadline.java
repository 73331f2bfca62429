package dev.holdfast.varlink;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The moment until which one operation may wait; perhaps never. */
final class Deadline {
  /** More than this is for ever: it keeps the arithmetic within 64 bits. */
  private static final Duration FOR_EVER = Duration.ofDays(365);

  private final boolean bounded;
  private final long at;

  private Deadline(boolean bounded, long at) {
    this.bounded = bounded;
    this.at = at;
  }

  static Deadline in(@Nullable Duration atMost) {
    return atMost == null || atMost.compareTo(FOR_EVER) > 0
        ? new Deadline(false, 0)
        : new Deadline(true, System.nanoTime() + atMost.toNanos());
  }

  /** How long there is left, not below zero; null for ever. */
  @Nullable Duration left() {
    return bounded ? Duration.ofNanos(Math.max(0, at - System.nanoTime())) : null;
  }
}
