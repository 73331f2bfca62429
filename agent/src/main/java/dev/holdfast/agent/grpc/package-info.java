/**
 * Gives a listener of a lease to gRPC's Netty server.
 *
 * <p>It runs on the thread that builds the server. It must not know of services, and owns no event
 * loop.
 */
@NullMarked
package dev.holdfast.agent.grpc;

import org.jspecify.annotations.NullMarked;
