/**
 * The listening sockets: makes, watches, heals and closes them.
 *
 * <p>The thread {@code broker-loop} runs it, except for {@link
 * dev.holdfast.broker.bind.HostAddresses#resolve}. It owns each socket's descriptor, and must not
 * know of leases, rights or the wire.
 */
@NullMarked
package dev.holdfast.broker.bind;

import org.jspecify.annotations.NullMarked;
