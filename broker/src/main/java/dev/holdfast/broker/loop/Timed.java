package dev.holdfast.broker.loop;

import java.time.Instant;
import java.util.Optional;

/** Something that has to act by itself at a moment. */
public interface Timed {

  /** When {@link #expire} has something to do; empty when nothing is due, whenever. */
  Optional<Instant> nextDeadline();

  void expire(Instant now);
}
