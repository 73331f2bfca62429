/**
 * The control socket: connections, frames and calls on one side, events and answers on the other.
 *
 * <p>The thread {@code broker-loop} runs it, except what {@link
 * dev.holdfast.broker.control.Lookups} says. It owns the connections and the descriptors that
 * callers stored, and decides nothing: rights and rules are the state's.
 */
@NullMarked
package dev.holdfast.broker.control;

import org.jspecify.annotations.NullMarked;
