/**
 * How fast and how small the built programs are, each figure beside its yardstick in the same run.
 *
 * <p>Each benchmark runs on JUnit's thread, alone on the machine as far as it can tell; sides that
 * are compared take turns, so that whatever else runs there falls on both.
 *
 * <p>They must not know the broker's classes.
 */
package dev.holdfast.broker.bench;
