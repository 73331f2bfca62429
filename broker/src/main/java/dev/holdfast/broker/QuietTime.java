package dev.holdfast.broker;

import dev.holdfast.broker.loop.Timed;
import dev.holdfast.fd.NativeHeap;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Gives memory back once after a busy time: the JVM's compiler leaves some 20 MiB in the C
 * library's heap, and a collected heap is only made smaller by a full collection; without being
 * asked, nobody would do either. Once, not at intervals, so that an idle broker is not woken. Takes
 * some milliseconds. The loop's thread only.
 */
final class QuietTime implements Timed {

  /** A compilation worth giving back for takes about so many hand-overs. */
  private static final int BUSY = 500;

  /** The JVM keeps what a compilation used for some seconds itself. */
  private static final Duration QUIET = Duration.ofSeconds(10);

  private @Nullable Instant due;
  private int decisions;

  /** Counts a decision of the broker. */
  void decided(Instant at) {
    if (++decisions >= BUSY) {
      due = at.plus(QUIET);
    }
  }

  @Override
  public Optional<Instant> nextDeadline() {
    return Optional.ofNullable(due);
  }

  @Override
  public void expire(Instant now) {
    Instant at = due;
    if (at != null && !at.isAfter(now)) {
      due = null;
      decisions = 0;
      System.gc();
      boolean unused = NativeHeap.trim();
    }
  }
}
