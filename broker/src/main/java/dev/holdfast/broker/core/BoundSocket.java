package dev.holdfast.broker.core;

/**
 * A socket that the floor of sockets has bound and keeps for a listener.
 *
 * @param id our number for it, never used again
 * @param endpoint what it is bound to, as the wire writes it
 * @param port 0 for a Unix socket
 * @param proof by which it is known again when the broker has died
 */
public record BoundSocket(long id, String endpoint, SocketKind kind, int port, SocketProof proof) {

  /** One that cannot be known again. */
  public BoundSocket(long id, String endpoint, SocketKind kind, int port) {
    this(id, endpoint, kind, port, SocketProof.NONE);
  }
}
