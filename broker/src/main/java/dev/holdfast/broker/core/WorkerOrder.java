package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A worker to be started.
 *
 * @param worker its number, never used again; what events about it say
 * @param lease under which it has its sockets
 * @param sockets its descriptors from 3 up, in this order; those that the service stored follow
 * @param stored how many descriptors the service may deposit
 * @param watchdog what WATCHDOG_USEC says; null: nothing
 */
public record WorkerOrder(
    long worker,
    String service,
    LeaseId lease,
    Launch launch,
    List<Answer.Passed> sockets,
    int stored,
    @Nullable Duration watchdog) {
  public WorkerOrder {
    sockets = List.copyOf(sockets);
  }
}
