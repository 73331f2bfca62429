package dev.holdfast.listener;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.OptionalInt;

/**
 * A TCP or UDP socket's own address. A dual-stack socket on all interfaces is {@code [::]}.
 *
 * @param address of a network interface, or the wildcard; an IPv6 one carries the scope
 * @param scope the number of the interface of a link-local address, 0 for none. It is a component
 *     of its own because {@link Inet6Address#equals} does not see it.
 */
public record InetEndpoint(Transport transport, InetAddress address, int scope, int port)
    implements Endpoint {

  public InetEndpoint {
    if (transport.isUnix()) {
      throw new IllegalArgumentException(transport + " has no ports");
    }
    if (port < PortChoice.LOWEST || port > PortChoice.HIGHEST) {
      throw new IllegalArgumentException("port " + port + " is not in 1–65535");
    }
    // Built anew, so that a host name inside the address does not travel along.
    address =
        address instanceof Inet6Address
            ? IpText.scoped(address.getAddress(), scope)
            : IpText.address(address.getAddress());
  }

  /** Takes the scope from the address. */
  public InetEndpoint(Transport transport, InetAddress address, int port) {
    this(
        transport, address, address instanceof Inet6Address scoped ? scoped.getScopeId() : 0, port);
  }

  @Override
  public OptionalInt portNumber() {
    return OptionalInt.of(port);
  }

  @Override
  public String toString() {
    String host = IpText.format(address) + (scope == 0 ? "" : "%" + scope);
    boolean bracketed = address instanceof Inet6Address;
    return transport.scheme() + ":" + (bracketed ? "[" + host + "]" : host) + ":" + port;
  }
}
