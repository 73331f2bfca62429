/**
 * Workers that the broker starts: makes their processes, tells what becomes of them, stops them,
 * hears what they say on their notify sockets, takes what they print.
 *
 * <p>The thread {@code broker-loop} runs it; {@code broker-spawner} does what may block, {@code
 * broker-leftovers} looks for what ended workers left, {@code broker-output} reads what workers
 * print, {@code broker-observer} looks at them. It owns the processes and the descriptors that
 * services stored, and must not know of rights, rollouts or the wire.
 */
@NullMarked
package dev.holdfast.broker.workers;

import org.jspecify.annotations.NullMarked;
