package dev.holdfast.broker.core;

import dev.holdfast.listener.ListenerName;

/**
 * A descriptor that a worker gives back after a crash, and what the kernel says of it.
 *
 * @param listener what the worker says it is
 * @param descriptor our number for it; the state decides what becomes of it
 * @param endpoint its own address, as the wire writes it
 * @param listening SO_ACCEPTCONN
 * @param proof inode and cookie
 */
public record Offered(
    ListenerName listener,
    long descriptor,
    String endpoint,
    SocketKind kind,
    boolean listening,
    SocketProof proof) {}
