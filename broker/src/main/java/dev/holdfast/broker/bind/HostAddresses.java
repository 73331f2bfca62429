package dev.holdfast.broker.bind;

import dev.holdfast.fd.Sockets;
import dev.holdfast.listener.Host;
import dev.holdfast.listener.ListenSpec;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Addresses of the hosts that specs name. Names are looked up ahead, by a thread that may block;
 * the loop only reads what was found.
 */
public final class HostAddresses {

  // Written by the thread that looks up, read by the loop.
  private final Map<String, InetAddress> found = new ConcurrentHashMap<>();

  /** Whether {@link #resolve} has to be called first, on a thread that may block. */
  public static boolean needsLookup(ListenSpec spec) {
    return spec instanceof ListenSpec.Inet inet && inet.host() instanceof Host.Name;
  }

  /**
   * Looks up the host of a spec, if it is a name. An unknown one is told when it is bound. Blocks.
   */
  public void resolve(ListenSpec spec) {
    if (spec instanceof ListenSpec.Inet inet && inet.host() instanceof Host.Name name) {
      try {
        found.put(name.value(), InetAddress.getByName(name.value()));
      } catch (UnknownHostException e) {
        found.remove(name.value());
      }
    }
  }

  InetAddress of(Host host, String endpoint) throws BindException {
    if (host instanceof Host.Ipv4 four) {
      return four.address();
    }
    if (host instanceof Host.Ipv6 six) {
      return scoped(six, endpoint);
    }
    if (host instanceof Host.Name name) {
      InetAddress address = found.get(name.value());
      if (address == null) {
        throw new BindException(
            endpoint,
            "EADDRNOTAVAIL",
            "resolve "
                + name.value()
                + ": unknown host; write an address, or put it into /etc/hosts");
      }
      return address;
    }
    return wildcard(16);
  }

  static InetAddress wildcard(int bytes) {
    try {
      return InetAddress.getByAddress(new byte[bytes]);
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  private static InetAddress scoped(Host.Ipv6 six, String endpoint) throws BindException {
    if (six.scope().isEmpty()) {
      return six.address();
    }
    int index =
        six.scope().matches("[0-9]{1,9}")
            ? Integer.parseInt(six.scope())
            : Sockets.interfaceIndex(six.scope());
    if (index == 0) {
      throw new BindException(
          endpoint,
          "ENODEV",
          "bind " + endpoint + ": this host has no network interface " + six.scope());
    }
    try {
      return Inet6Address.getByAddress(null, six.address().getAddress(), index);
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }
}
