/**
 * The command {@code holdfast}: one verb, one class, each a thin client of the broker's two Varlink
 * interfaces; it owns the words that a user reads, and the exit codes.
 *
 * <p>Everything runs on the main thread of a short-lived process, and only the verb that was asked
 * for is loaded, since start-up is what a user waits for. It knows nothing of how the broker keeps
 * its state, and makes no system call but through {@code dev.holdfast.fd}.
 */
@NullMarked
package dev.holdfast.agent.cli;

import org.jspecify.annotations.NullMarked;
