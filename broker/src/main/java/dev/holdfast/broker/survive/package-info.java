/**
 * What outlives a broker: the state as texts, the journal that a crash leaves behind, and how
 * sockets and processes are found again.
 *
 * <p>The thread {@code broker-loop} runs it. It must not know of rights, rollouts or the wire: what
 * is remembered is the core's matter, this floor writes it down and reads it, and believes nothing
 * that it has not proved.
 */
@NullMarked
package dev.holdfast.broker.survive;

import org.jspecify.annotations.NullMarked;
