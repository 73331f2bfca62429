/**
 * Peers that break the rules, and a broker that must not care: each gets its error or is dropped,
 * nobody else waits, and nothing stays behind.
 *
 * <p>Runs in the thread of the test, beside one of a {@link Neighbour}; peers of other users are
 * processes.
 *
 * <p>It must not know the broker's classes: what it says to a broker goes over the wire.
 */
@NullMarked
package dev.holdfast.broker.badpeers;

import org.jspecify.annotations.NullMarked;
