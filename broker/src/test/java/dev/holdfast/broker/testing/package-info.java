/**
 * Starts the built programs as a user would, and watches them from outside: by their sockets, their
 * output, and /proc.
 *
 * <p>Runs in the thread of the test; each program's output is read by a daemon thread of its own.
 *
 * <p>It must not know the broker's classes: what it says to a broker goes over the wire.
 */
package dev.holdfast.broker.testing;
