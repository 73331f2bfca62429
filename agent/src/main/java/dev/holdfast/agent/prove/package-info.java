/**
 * The proof: a load on a user's own listener while the user's own service is restarted, and an
 * honest count of what was lost and how long answers took.
 *
 * <p>One thread, the caller's, directs it and asks the broker for the restarts; the load has its
 * own.
 *
 * <p>It must not know the command's classes. It starts no process, and it sees the service only as
 * its clients do and as the broker tells of it.
 */
@NullMarked
package dev.holdfast.agent.prove;

import org.jspecify.annotations.NullMarked;
