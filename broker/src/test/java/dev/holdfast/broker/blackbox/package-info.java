/**
 * What the built programs do, shown from outside: real processes, real sockets, and programs of
 * others that never heard of us.
 *
 * <p>Each test runs on JUnit's thread; timeouts are a safety net, and nothing waits by the clock.
 *
 * <p>They must not know the broker's classes.
 */
package dev.holdfast.broker.blackbox;
