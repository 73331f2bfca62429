/**
 * Gives a listener of a lease to Undertow, whose XNIO takes no socket from outside.
 *
 * <p>It runs on the thread that has started the server, once. It must not know of handlers, nor
 * keep the server.
 */
@NullMarked
package dev.holdfast.agent.undertow;

import org.jspecify.annotations.NullMarked;
