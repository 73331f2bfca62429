package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
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
    return IpAddressText.of(bytes) + (scope == 0 ? "" : "%" + scope);
  }
}
