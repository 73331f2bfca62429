/**
 * How a JVM that somebody else starts is told to load our agent.
 *
 * <p>Values and pure functions, on any thread; but for the links of a program's name they look at
 * no file. They know commands and variables, and not what the agent does.
 */
@NullMarked
package dev.holdfast.jvm;

import org.jspecify.annotations.NullMarked;
