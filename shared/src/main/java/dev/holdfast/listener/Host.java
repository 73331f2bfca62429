package dev.holdfast.listener;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Which interfaces a listener is bound to. {@code toString} is what a listen spec has before the
 * port's colon.
 */
public sealed interface Host {

  /** Nothing written, or {@code *}: all interfaces, IPv6 and IPv4 through one dual-stack socket. */
  record Any() implements Host {
    @Override
    public String toString() {
      return "*";
    }
  }

  /** {@code 127.0.0.1}; {@code 0.0.0.0} is all interfaces, IPv4 only. */
  record Ipv4(Inet4Address address) implements Host {
    @Override
    public String toString() {
      return IpText.format(address);
    }
  }

  /**
   * {@code [::1]}, {@code [fe80::1%eth0]}.
   *
   * @param address without a scope
   * @param scope the name or number of an interface, for a link-local address; empty for none. Its
   *     number is looked up when it is bound.
   */
  record Ipv6(Inet6Address address, String scope) implements Host {

    /** IFNAMSIZ, without the NUL. */
    static final int LONGEST_INTERFACE_NAME = 15;

    private static final Pattern SCOPE =
        Pattern.compile("[\\x21-\\x7e&&[^/:%\\[\\]]]{0," + LONGEST_INTERFACE_NAME + "}");

    public Ipv6 {
      if (!isScope(scope)) {
        throw new IllegalArgumentException(Quoted.text(scope) + " names no network interface");
      }
      // A scope inside the address would escape equals, which compares the bytes only.
      address = IpText.scoped(address.getAddress(), 0);
    }

    static boolean isScope(String text) {
      return SCOPE.matcher(text).matches();
    }

    @Override
    public String toString() {
      return "[" + IpText.format(address) + (scope.isEmpty() ? "" : "%" + scope) + "]";
    }
  }

  /**
   * A host name, in lower case; whoever binds resolves it. The words that begin a spec or an
   * endpoint ({@code udp}, {@code unix}, …) are no names here: such a host is written with a dot at
   * its end.
   */
  record Name(String value) implements Host {

    private static final int LONGEST = 253;
    private static final Pattern LABELS =
        Pattern.compile("[a-z0-9_]([a-z0-9_-]{0,62})(\\.[a-z0-9_]([a-z0-9_-]{0,62}))*\\.?");
    private static final Pattern ENDS_IN_A_NUMBER =
        Pattern.compile("(.*\\.)?([0-9]+|0x[0-9a-f]*)\\.?");
    private static final Set<String> RESERVED =
        Set.of("tcp", "udp", "unix", "unixgram", "seqpacket");

    public Name {
      value = value.toLowerCase(Locale.ROOT);
      if (!isName(value)) {
        throw new IllegalArgumentException(Quoted.text(value) + " is no host name");
      }
    }

    /** In lower case only. */
    static boolean isName(String text) {
      return text.length() <= LONGEST
          && LABELS.matcher(text).matches()
          && !endsInANumber(text)
          && !RESERVED.contains(text);
    }

    /** What resolvers take for an IPv4 address, however odd: {@code 127.1}, {@code 0x7f000001}. */
    static boolean endsInANumber(String text) {
      return ENDS_IN_A_NUMBER.matcher(text).matches();
    }

    @Override
    public String toString() {
      return value;
    }
  }
}
