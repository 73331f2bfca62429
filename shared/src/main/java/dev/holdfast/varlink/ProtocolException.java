package dev.holdfast.varlink;

import java.io.IOException;

/**
 * The peer broke the protocol. What it said cannot be answered, because it is no longer certain
 * which bytes and descriptors belong together: drop the connection.
 */
public final class ProtocolException extends IOException {
  /** {@code message} says what the peer did, and what the rule is. */
  public ProtocolException(String message) {
    super(message);
  }
}
