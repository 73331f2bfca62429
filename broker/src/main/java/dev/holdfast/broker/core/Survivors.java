package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import java.util.Map;
import java.util.Set;

/**
 * What there still is of what was remembered.
 *
 * @param handedOver whether a living predecessor gave all of it, connections too; else it crashed
 * @param sockets those that are held again, by number
 * @param lost why a socket is not held, by number; a sentence without a full stop
 * @param leases those of callers whose process is there, and followed again on request
 * @param workers those whose process is there
 * @param deposits the numbers of stored descriptors that are there
 */
public record Survivors(
    boolean handedOver,
    Set<Long> sockets,
    Map<Long, String> lost,
    Set<LeaseId> leases,
    Set<Long> workers,
    Set<Long> deposits) {
  public Survivors {
    sockets = Set.copyOf(sockets);
    lost = Map.copyOf(lost);
    leases = Set.copyOf(leases);
    workers = Set.copyOf(workers);
    deposits = Set.copyOf(deposits);
  }
}
