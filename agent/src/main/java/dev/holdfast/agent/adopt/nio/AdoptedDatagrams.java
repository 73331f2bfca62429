package dev.holdfast.agent.adopt.nio;

import java.io.FileDescriptor;
import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * What is sent by a datagram socket that was adopted. The JDK's are of IPv6 where the host has it,
 * and write an address of IPv4 as one of IPv6; from a listener of IPv4 the kernel sends nothing
 * there (EAFNOSUPPORT). So it is written as what it is, which a listener of either kind takes. A
 * class of its own, since it is initialised only where a program sends datagrams.
 */
final class AdoptedDatagrams {
  private static final int LENGTH_6 = 28; // of a sockaddr_in6, ipv6(7)
  private static final int ADDRESS_6 = 8;
  private static final int ADDRESS_4 = 4;
  private static final short INET = 2;
  private static final short INET6 = 10;

  /** Private there. */
  private static final MethodHandle SEND = send();

  private AdoptedDatagrams() {}

  private static MethodHandle send() {
    try {
      return MethodHandles.privateLookupIn(DatagramChannelImpl.class, MethodHandles.lookup())
          .findStatic(
              DatagramChannelImpl.class,
              "send0",
              MethodType.methodType(
                  int.class, FileDescriptor.class, long.class, int.class, long.class, int.class));
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("find what it was called instead of", e);
    }
  }

  static int send(FileDescriptor fd, long packet, int length, long address, int addressLength)
      throws IOException {
    if (addressLength == LENGTH_6 && AdoptedSockets.isAdopted(fd)) {
      unmap(new NativeObject(address));
    }
    try {
      return (int) SEND.invokeExact(fd, packet, length, address, addressLength);
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IOException(e);
    }
  }

  /** ::ffff:192.0.2.1 to 192.0.2.1; the port stands at the same place in both. */
  private static void unmap(NativeObject address) {
    if (address.getShort(0) == INET6
        && address.getLong(ADDRESS_6) == 0
        && address.getShort(ADDRESS_6 + 8) == 0
        && address.getShort(ADDRESS_6 + 10) == -1) {
      address.putInt(ADDRESS_4, address.getInt(ADDRESS_6 + 12));
      address.putShort(0, INET);
    }
  }
}
