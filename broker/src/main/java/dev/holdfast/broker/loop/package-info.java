/**
 * The one thread: waits, dispatches what is ready, applies events to the state, performs effects,
 * expires what has come to its end.
 *
 * <p>The thread {@code broker-loop} runs it; only {@link dev.holdfast.broker.loop.Loop#post} and
 * {@link dev.holdfast.broker.loop.Loop#stop} may be called by others. It must not know what the
 * events mean.
 */
@NullMarked
package dev.holdfast.broker.loop;

import org.jspecify.annotations.NullMarked;
