/**
 * What patched classes of the JDK call instead of {@code sun.nio.ch.Net}. {@link
 * dev.holdfast.agent.adopt.nio.AdoptedSockets} and AdoptedDatagrams are defined anew as classes of
 * {@code sun.nio.ch}, in {@code java.base}, with their references to this package renamed; the
 * other classes here only stand in for the JDK's of the same names, so that they compile, and never
 * run.
 *
 * <p>Any thread of the program. It must not refer to anything outside {@code java.base}, use a
 * lambda, or hold state that the program can see.
 */
@NullMarked
package dev.holdfast.agent.adopt.nio;

import org.jspecify.annotations.NullMarked;
