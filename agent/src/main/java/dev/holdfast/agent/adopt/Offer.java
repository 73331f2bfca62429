package dev.holdfast.agent.adopt;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * A listener that can take the place of an address.
 *
 * @param address null for a Unix socket
 * @param path of a Unix socket, else empty
 * @param number its descriptor, borrowed; negative: still to be acquired
 */
record Offer(
    String listener,
    boolean datagram,
    @Nullable InetAddress address,
    int port,
    String path,
    int number) {

  static final int NOT_ACQUIRED = -1;

  boolean isAcquired() {
    return number != NOT_ACQUIRED;
  }

  Offer acquired(int as) {
    return new Offer(listener, datagram, address, port, path, as);
  }

  String where() {
    InetAddress bound = address;
    if (bound == null) {
      return "unix:" + path;
    }
    return (datagram ? "udp:" : "tcp:")
        + (bound.isAnyLocalAddress() ? "*" : bound.getHostAddress())
        + ":"
        + port;
  }
}
