package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import org.jspecify.annotations.Nullable;

/**
 * What a control connection waits for. It ends with the broker, unless a successor gets the
 * connection.
 *
 * @param awaits the lease whose states it is told; null for none
 * @param watches whether it is told of every notice
 * @param asks the service whose operation it waits for; null for none
 */
public record Link(
    long connection, @Nullable LeaseId awaits, boolean watches, @Nullable String asks) {}
