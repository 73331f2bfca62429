/**
 * The public API of a worker: connect to the broker, take listeners as a lease, accept on them, and
 * give them back when the broker asks.
 *
 * <p>A lease may be used by any thread; it keeps one daemon thread when somebody asks to be told of
 * a drain, and an acceptor has the threads it was given. It must not know how the broker keeps its
 * listeners, and never changes what all holders of a listener share: its flags, its backlog, its
 * options.
 */
@NullMarked
package dev.holdfast.agent;

import org.jspecify.annotations.NullMarked;
