/**
 * Gives a listener of a lease to the JDK's own {@code com.sun.net.httpserver.HttpServer}.
 *
 * <p>It runs on the thread that creates the server, before that starts. It must not know of
 * contexts, nor keep the server.
 */
@NullMarked
package dev.holdfast.agent.httpserver;

import org.jspecify.annotations.NullMarked;
