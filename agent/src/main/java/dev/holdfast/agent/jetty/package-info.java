/**
 * Gives a listener of a lease to a connector of Jetty 12.
 *
 * <p>It runs on the thread that starts the server. It must not know of handlers, TLS or HTTP: the
 * connector stays as its owner has made it.
 */
@NullMarked
package dev.holdfast.agent.jetty;

import org.jspecify.annotations.NullMarked;
