package dev.holdfast.broker.core;

/** The type of a socket, as the wire names it. */
public enum SocketKind {
  STREAM,
  DATAGRAM,
  SEQPACKET;

  public String word() {
    return switch (this) {
      case STREAM -> "stream";
      case DATAGRAM -> "datagram";
      case SEQPACKET -> "seqpacket";
    };
  }

  /** Whether the socket has an accept queue. */
  public boolean listens() {
    return this != DATAGRAM;
  }
}
