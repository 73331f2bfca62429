package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;

/** struct sockaddr_in, sockaddr_in6 and sockaddr_un, to and from native memory. */
final class SocketAddresses {

  /** sizeof(struct sockaddr_un), the longest of the three. */
  static final int ROOM = 2 + UnixAddress.ROOM;

  record Encoded(Memory memory, int length) {}

  private SocketAddresses() {}

  static Encoded encode(UnixAddress address) {
    Memory memory = new Memory(ROOM);
    memory.clear();
    memory.setShort(0, (short) Libc.AF_UNIX);
    if (address instanceof UnixAddress.Abstract named) {
      byte[] name = named.name().getBytes(StandardCharsets.UTF_8);
      memory.write(3, name, 0, name.length);
      // An abstract name is all bytes that the length covers, so the length must not count padding.
      return new Encoded(memory, 3 + name.length);
    }
    byte[] path = address.toString().getBytes(StandardCharsets.UTF_8);
    memory.write(2, path, 0, path.length);
    return new Encoded(memory, 2 + path.length + 1);
  }

  static Encoded encode(InetAddress address, int port) {
    Memory memory = new Memory(28);
    memory.clear();
    memory.setByte(2, (byte) (port >> 8));
    memory.setByte(3, (byte) port);
    byte[] bytes = address.getAddress();
    if (address instanceof Inet4Address) {
      memory.setShort(0, (short) Libc.AF_INET);
      memory.write(4, bytes, 0, 4);
      return new Encoded(memory, 16);
    }
    memory.setShort(0, (short) Libc.AF_INET6);
    memory.write(8, bytes, 0, 16);
    memory.setInt(24, ((Inet6Address) address).getScopeId());
    return new Encoded(memory, 28);
  }

  static int port(Memory address) {
    return (address.getByte(2) & 0xff) << 8 | (address.getByte(3) & 0xff);
  }

  /**
   * {@code 127.0.0.1:80}, {@code [::1]:80}, {@code /path}, {@code @name}; empty for an unnamed Unix
   * socket.
   */
  static String text(Memory address, int length) {
    return switch (address.getShort(0)) {
      case Libc.AF_INET -> host(address.getByteArray(4, 4), 0) + ":" + port(address);
      case Libc.AF_INET6 ->
          "[" + host(address.getByteArray(8, 16), address.getInt(24)) + "]:" + port(address);
      case Libc.AF_UNIX -> unixText(address, length);
      default -> "family " + address.getShort(0);
    };
  }

  private static String unixText(Memory address, int length) {
    if (length <= 2) {
      return "";
    }
    if (address.getByte(2) == 0) {
      return "@" + new String(address.getByteArray(3, length - 3), StandardCharsets.UTF_8);
    }
    byte[] path = address.getByteArray(2, Math.min(length, ROOM) - 2);
    int end = 0;
    while (end < path.length && path[end] != 0) {
      end++;
    }
    return new String(path, 0, end, StandardCharsets.UTF_8);
  }

  private static String host(byte[] bytes, int scope) {
    try {
      if (bytes.length == 16) {
        return compress(bytes) + (scope == 0 ? "" : "%" + scope);
      }
      return InetAddress.getByAddress(bytes).getHostAddress();
    } catch (UnknownHostException e) {
      throw new IllegalStateException("an address of " + bytes.length + " bytes", e);
    }
  }

  /**
   * RFC 5952: the longest run of zero groups becomes {@code ::}; the JDK writes all eight groups.
   */
  static String compress(byte[] bytes) {
    int bestStart = -1;
    int bestLength = 1; // a single zero group is written out
    for (int start = 0; start < 8; start++) {
      int length = 0;
      while (start + length < 8 && group(bytes, start + length) == 0) {
        length++;
      }
      if (length > bestLength) {
        bestStart = start;
        bestLength = length;
      }
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      if (i == bestStart) {
        text.append("::");
        i += bestLength - 1;
      } else {
        if (!text.isEmpty() && text.charAt(text.length() - 1) != ':') {
          text.append(':');
        }
        text.append(Integer.toHexString(group(bytes, i)));
      }
    }
    return text.toString();
  }

  private static int group(byte[] bytes, int index) {
    return (bytes[2 * index] & 0xff) << 8 | (bytes[2 * index + 1] & 0xff);
  }
}
