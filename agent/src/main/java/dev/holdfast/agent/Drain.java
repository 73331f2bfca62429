package dev.holdfast.agent;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The broker wants the listeners back: accept no more, finish what was accepted, release the lease.
 *
 * @param at the moment until which there is time; null where there is no such moment
 * @param revoked the lease has ended already, because its listener was closed or its time is over
 */
public record Drain(@Nullable Instant at, boolean revoked) {

  public Optional<Instant> deadline() {
    return Optional.ofNullable(at);
  }

  /** The time left, never negative; empty where there is no deadline. */
  public Optional<Duration> left(Instant now) {
    return deadline().map(end -> end.isBefore(now) ? Duration.ZERO : Duration.between(now, end));
  }
}
