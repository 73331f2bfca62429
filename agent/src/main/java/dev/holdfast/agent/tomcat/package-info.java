/**
 * A protocol of Tomcat 10.1 that accepts on a listener of a lease, and loses no connection when it
 * stops.
 *
 * <p>Tomcat's acceptor thread accepts, and whoever pauses or stops the connector closes its
 * channel. It must not know of containers, applications or the embedding program.
 */
@NullMarked
package dev.holdfast.agent.tomcat;

import org.jspecify.annotations.NullMarked;
