/**
 * The half of the {@code -javaagent} that speaks to the broker, by the library of {@link
 * dev.holdfast.agent}. It is loaded apart from the program, and from the other half, which reaches
 * it as a Function of arrays: nothing but types of the JDK passes between the two.
 *
 * <p>Runs on the agent's daemon thread, and on a thread that binds when a listener has to be
 * acquired. It must not know what is done with a descriptor.
 */
@NullMarked
package dev.holdfast.agent.adopt.lease;

import org.jspecify.annotations.NullMarked;
