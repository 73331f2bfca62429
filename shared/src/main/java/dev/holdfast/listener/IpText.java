package dev.holdfast.listener;

import dev.holdfast.fd.IpAddressText;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * IP addresses as text, strictly. The JDK's own parser is not used: it resolves what is no address,
 * looks up interfaces, takes {@code 127.1} and {@code 0177.0.0.1}, and turns a mapped IPv6 address
 * into an IPv4 one.
 */
final class IpText {

  private static final int GROUPS = 8;

  private IpText() {}

  /** Four decimal numbers without leading zeros, or null. */
  static @Nullable Inet4Address parse4(String text) {
    byte[] bytes = bytes4(text);
    return bytes == null ? null : (Inet4Address) address(bytes);
  }

  /** Any form of RFC 4291 section 2.2, without brackets and scope, or null. */
  static @Nullable Inet6Address parse6(String text) {
    int gap = text.indexOf("::");
    byte[] bytes = new byte[2 * GROUPS];
    if (gap < 0) {
      return groups(text, bytes, true) == GROUPS ? scoped(bytes, 0) : null;
    }
    byte[] tail = new byte[2 * GROUPS];
    int headGroups = groups(text.substring(0, gap), bytes, false);
    int tailGroups = groups(text.substring(gap + 2), tail, true);
    if (headGroups < 0 || tailGroups < 0 || headGroups + tailGroups >= GROUPS) {
      return null;
    }
    System.arraycopy(tail, 0, bytes, 2 * (GROUPS - tailGroups), 2 * tailGroups);
    return scoped(bytes, 0);
  }

  /** Fills in the groups of a part between gaps; how many there were, or -1. */
  private static int groups(String text, byte[] into, boolean last) {
    if (text.isEmpty()) {
      return 0;
    }
    String[] parts = text.split(":", -1);
    int count = 0;
    for (int i = 0; i < parts.length; i++) {
      String part = parts[i];
      byte @Nullable [] dotted = last && i == parts.length - 1 ? bytes4(part) : null;
      int room = GROUPS - count;
      if (dotted != null && room >= 2) {
        System.arraycopy(dotted, 0, into, 2 * count, 4);
        count += 2;
      } else if (room >= 1 && isHexGroup(part)) {
        int group = Integer.parseInt(part, 16);
        into[2 * count] = (byte) (group >> 8);
        into[2 * count + 1] = (byte) group;
        count++;
      } else {
        return -1;
      }
    }
    return count;
  }

  private static boolean isHexGroup(String text) {
    return !text.isEmpty()
        && text.length() <= 4
        && text.chars()
            .allMatch(c -> isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
  }

  private static byte @Nullable [] bytes4(String text) {
    String[] parts = text.split("\\.", -1);
    if (parts.length != 4) {
      return null;
    }
    byte[] bytes = new byte[4];
    for (int i = 0; i < 4; i++) {
      String part = parts[i];
      boolean plain =
          !part.isEmpty()
              && part.length() <= 3
              && isDigits(part)
              && (part.length() == 1 || part.charAt(0) != '0');
      if (!plain || Integer.parseInt(part) > 255) {
        return null;
      }
      bytes[i] = (byte) Integer.parseInt(part);
    }
    return bytes;
  }

  static boolean isDigits(String text) {
    return !text.isEmpty() && text.chars().allMatch(IpText::isDigit);
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  static InetAddress address(byte[] bytes) {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("an address of " + bytes.length + " bytes", e);
    }
  }

  /** With a scope id, 0 for none; a mapped address stays IPv6. */
  static Inet6Address scoped(byte[] bytes, int scope) {
    try {
      return Inet6Address.getByAddress(null, bytes, scope);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("an address of " + bytes.length + " bytes", e);
    }
  }

  /** Dotted, or by RFC 5952. */
  static String format(InetAddress address) {
    return IpAddressText.of(address.getAddress());
  }
}
