/**
 * {@link dev.holdfast.agent.adopt.misc.Termination} is defined anew as a class of {@code
 * jdk.internal.misc}, in {@code java.base}, with its references to this package renamed; Signal
 * only stands in for the JDK's class of that name, so that it compiles, and never runs. It is there
 * in every JVM, unlike {@code sun.misc.Signal}, whose module an image may lack.
 */
@NullMarked
package dev.holdfast.agent.adopt.misc;

import org.jspecify.annotations.NullMarked;
