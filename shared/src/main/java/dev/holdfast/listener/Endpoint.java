package dev.holdfast.listener;

import dev.holdfast.fd.UnixAddress;
import java.net.InetAddress;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Where a socket is bound. {@code toString} is the wire form: {@code tcp:127.0.0.1:8080}, {@code
 * tcp:[::]:80}, {@code udp:…}, {@code unix:/path}, {@code unix:@name}, {@code seqpacket:…}, {@code
 * unixgram:…}; parsing it gives an equal endpoint.
 */
public sealed interface Endpoint permits InetEndpoint, UnixEndpoint {

  Transport transport();

  /** The port; empty for a Unix socket. */
  OptionalInt portNumber();

  /**
   * Reads the wire form, as {@link dev.holdfast.fd.SocketFacts#address()} has it too.
   *
   * @throws IllegalArgumentException with the text and what is wrong with it; also for a socket
   *     without an address
   */
  static Endpoint parse(String text) {
    int colon = text.indexOf(':');
    Transport transport =
        Transport.ofScheme(text.substring(0, Math.max(0, colon)))
            .orElseThrow(
                () -> wrong(text, "it starts with tcp:, udp:, unix:, unixgram: or seqpacket:"));
    String rest = text.substring(colon + 1);
    return transport.isUnix() ? unix(text, transport, rest) : inet(text, transport, rest);
  }

  private static Endpoint unix(String text, Transport transport, String rest) {
    if (!rest.startsWith("/") && !rest.startsWith("@")) {
      throw wrong(text, "after the ':' comes a path from '/', or '@' and a name");
    }
    return new UnixEndpoint(transport, UnixAddress.parse(rest));
  }

  private static Endpoint inet(String text, Transport transport, String rest) {
    int colon = rest.lastIndexOf(':');
    String host = rest.substring(0, Math.max(0, colon));
    String port = rest.substring(colon + 1);
    if (!IpText.isDigits(port) || port.length() > 5 || port.startsWith("0")) {
      throw wrong(text, "it ends in ':' and a port");
    }
    InetAddress address = address(host);
    if (address == null) {
      throw wrong(text, "its host is an IPv4 address, or an IPv6 address in brackets");
    }
    return new InetEndpoint(transport, address, Integer.parseInt(port));
  }

  private static @Nullable InetAddress address(String host) {
    if (!host.startsWith("[") || !host.endsWith("]")) {
      return IpText.parse4(host);
    }
    String literal = host.substring(1, host.length() - 1);
    int percent = literal.indexOf('%');
    if (percent < 0) {
      return IpText.parse6(literal);
    }
    String scope = literal.substring(percent + 1);
    InetAddress address = IpText.parse6(literal.substring(0, percent));
    boolean numeric = IpText.isDigits(scope) && scope.length() <= 9 && !scope.startsWith("0");
    return address == null || !numeric
        ? null
        : IpText.scoped(address.getAddress(), Integer.parseInt(scope));
  }

  private static IllegalArgumentException wrong(String text, String rule) {
    return new IllegalArgumentException("endpoint " + Quoted.text(text) + ": " + rule);
  }
}
