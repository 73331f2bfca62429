/**
 * Unmodified JVM servers that are given the broker's listeners by the javaagent, shown from
 * outside: the servers of {@code src/test/servers}, as their users start them, and small programs
 * here that do what a program should not be able to do to others.
 *
 * <p>Each test runs on JUnit's thread; the listeners are watched on a thread of their own.
 *
 * <p>They must not know the broker's classes, nor the agent's.
 */
package dev.holdfast.broker.javaagent;
