/**
 * Owns a bounded load: many short connections to one target, each timed and each loss named.
 *
 * <p>All connections of a load live on its one thread, {@code load-generator}, which waits in one
 * selector; other threads ask it for snapshots.
 *
 * <p>It must not know of leases, listeners or the broker: it sees a server only as any client does.
 */
@NullMarked
package dev.holdfast.agent.load;

import org.jspecify.annotations.NullMarked;
