package dev.holdfast.agent.prove;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.Endpoint;
import dev.holdfast.listener.InetEndpoint;
import dev.holdfast.listener.Transport;
import dev.holdfast.listener.UnixEndpoint;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;

/**
 * Where a listener's clients connect to.
 *
 * @param endpoint as the broker shows it
 * @param beyondLoopback whether the load may be seen by others than this host
 */
public record Target(
    String listener, Endpoint endpoint, SocketAddress address, boolean beyondLoopback) {

  /**
   * The address to storm: a wildcard is reached by its loopback address.
   *
   * @param spec what was asked for: a wildcard written as IPv6 may take IPv6 only
   * @throws IllegalArgumentException with the reason, where no load can reach it
   */
  public static Target of(String listener, String spec, String endpoint) {
    Endpoint bound = Endpoint.parse(endpoint);
    if (bound instanceof InetEndpoint inet && inet.transport() == Transport.TCP) {
      InetAddress address =
          inet.address().isAnyLocalAddress() ? loopback(inet, spec) : inet.address();
      return new Target(
          listener,
          bound,
          new InetSocketAddress(address, inet.port()),
          !address.isLoopbackAddress());
    }
    if (bound instanceof UnixEndpoint unix && unix.transport() == Transport.UNIX) {
      if (unix.address() instanceof UnixAddress.Path path) {
        return new Target(listener, bound, UnixDomainSocketAddress.of(path.path()), false);
      }
      throw new IllegalArgumentException(
          endpoint + " is an abstract address, which a JVM cannot connect to");
    }
    throw new IllegalArgumentException(
        endpoint + " has no connections that could be made: it is no stream listener");
  }

  private static InetAddress loopback(InetEndpoint wildcard, String spec) {
    boolean six = wildcard.address() instanceof Inet6Address && spec.contains("[::]");
    byte[] address = six ? new byte[16] : new byte[] {127, 0, 0, 1};
    address[address.length - 1] = 1;
    try {
      return InetAddress.getByAddress(address);
    } catch (UnknownHostException impossible) {
      throw new IllegalStateException("4 or 16 bytes are an address", impossible);
    }
  }

  /** As a person writes it: {@code 127.0.0.1:8080}, {@code [::1]:8080}, {@code /run/web.sock}. */
  public String text() {
    if (address instanceof InetSocketAddress inet) {
      String shown = new InetEndpoint(Transport.TCP, inet.getAddress(), inet.getPort()).toString();
      return shown.substring(shown.indexOf(':') + 1);
    }
    return address.toString();
  }
}
