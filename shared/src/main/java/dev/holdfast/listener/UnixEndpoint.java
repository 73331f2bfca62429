package dev.holdfast.listener;

import dev.holdfast.fd.UnixAddress;
import java.util.OptionalInt;

/** A Unix socket's own address. */
public record UnixEndpoint(Transport transport, UnixAddress address) implements Endpoint {

  public UnixEndpoint {
    if (!transport.isUnix()) {
      throw new IllegalArgumentException(transport + " is no transport of Unix sockets");
    }
  }

  @Override
  public OptionalInt portNumber() {
    return OptionalInt.empty();
  }

  @Override
  public String toString() {
    return transport.scheme() + ":" + address;
  }
}
