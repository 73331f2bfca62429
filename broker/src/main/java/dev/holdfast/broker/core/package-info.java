/**
 * The broker's state: listeners, leases, stored descriptors, and who may do what. Events go in,
 * effects come out.
 *
 * <p>One thread, {@code broker-loop}, owns every object here that can change; records are shared
 * freely. It must not know of sockets, descriptors, clocks, threads or the wire: whole lives of a
 * broker run in memory.
 */
@NullMarked
package dev.holdfast.broker.core;

import org.jspecify.annotations.NullMarked;
