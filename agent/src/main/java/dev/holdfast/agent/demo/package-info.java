/**
 * The demonstration: a broker and workers of its own, a load, a worker killed and another replaced,
 * and an honest count of what was lost.
 *
 * <p>One thread, the caller's, directs it; the load has its own, and each program is a process that
 * is ended before the demonstration is.
 *
 * <p>It must not know the broker's classes or the command's: it starts both programs as a user
 * would, and says over the wire what an operator says.
 */
@NullMarked
package dev.holdfast.agent.demo;

import org.jspecify.annotations.NullMarked;
