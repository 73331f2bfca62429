/**
 * Gives a listener of a lease to Netty: to its NIO, epoll and io_uring transports.
 *
 * <p>Its classes run on whatever thread makes the channel, and on the channel's event loop from
 * then on. They must not know what is served, and need no transport but the one that is used.
 */
@NullMarked
package dev.holdfast.agent.netty;

import org.jspecify.annotations.NullMarked;
