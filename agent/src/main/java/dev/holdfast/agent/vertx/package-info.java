/**
 * Gives a listener of a lease to a server of Vert.x.
 *
 * <p>It runs once the server listens, on the thread of Vert.x that accepts. It must not know of
 * verticles, nor keep the server.
 */
@NullMarked
package dev.holdfast.agent.vertx;

import org.jspecify.annotations.NullMarked;
