/**
 * The broker dies, or is replaced, or finds on its return that others did: real processes, real
 * sockets, kill -9.
 *
 * <p>Each test runs on JUnit's thread, with threads of its own for what goes on beside it. When a
 * broker is killed is left to chance, by a seed that is printed; nothing waits by the clock.
 *
 * <p>Those named …IT must not know the broker's classes, only what it says on the wire and in its
 * log; the others are the floor's own.
 */
package dev.holdfast.broker.survive;
