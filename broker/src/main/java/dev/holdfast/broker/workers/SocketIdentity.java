package dev.holdfast.broker.workers;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A listener's socket as it is known from outside of those who hold it.
 *
 * @param inode its number on sockfs, the same in every process
 * @param address its own, of an inet socket; an IPv4 address mapped into IPv6 is the IPv4 address
 * @param port of an inet socket; 0 for a Unix socket
 * @param path of a Unix socket, {@code @} before an abstract name
 */
record SocketIdentity(
    long inode, boolean datagram, @Nullable InetAddress address, int port, @Nullable String path) {

  private static final String SOCKET = "socket:[";

  static SocketIdentity of(OwnedFd borrowed) throws IOException {
    String link = Proc.link("/proc/self/fd/" + borrowed.number()).orElse("nothing");
    long inode =
        inode(link).orElseThrow(() -> new IOException(borrowed + " is no socket but " + link));
    SocketFacts facts = Sockets.facts(borrowed);
    String where = facts.address().substring(facts.address().indexOf(':') + 1);
    boolean datagram = facts.isDatagram();
    if (facts.isUnix()) {
      return new SocketIdentity(inode, datagram, null, 0, where);
    }
    int colon = where.lastIndexOf(':');
    if (colon < 0) {
      throw new IOException(borrowed + " is neither a Unix nor an inet socket: " + where);
    }
    String host = where.substring(0, colon); // a literal: nothing is resolved
    return new SocketIdentity(inode, datagram, InetAddress.getByName(host), facts.port(), null);
  }

  /** Of any descriptor; empty for what is no Unix or inet socket. */
  static Optional<SocketIdentity> ofAny(OwnedFd borrowed) throws IOException {
    try {
      return Optional.of(of(borrowed));
    } catch (IOException e) {
      return Optional.empty(); // netlink, packet …: their addresses are not read
    }
  }

  /** Whether the other can be a connection that was accepted on this. */
  boolean accepted(SocketIdentity other) {
    if (datagram || other.datagram() || other.inode() == inode) {
      return false;
    }
    InetAddress local = other.address();
    return local == null
        ? path != null && path.equals(other.path())
        : other.port() == port && covers(local);
  }

  /** Whether what is bound to this address gets what is sent to that one. */
  boolean covers(InetAddress local) {
    InetAddress bound = address;
    return bound != null
        && (bound.equals(local)
            || (bound.isAnyLocalAddress()
                && (bound instanceof Inet6Address || !(local instanceof Inet6Address))));
  }

  static List<SocketIdentity> ofAll(List<OwnedFd> borrowed) throws IOException {
    List<SocketIdentity> all = new ArrayList<>();
    for (OwnedFd fd : borrowed) {
      all.add(of(fd));
    }
    return all;
  }

  /** Of a link such as {@code socket:[4711]}; empty when it is of something else. */
  static OptionalLong inode(String link) {
    return link.startsWith(SOCKET)
        ? OptionalLong.of(Long.parseLong(link, SOCKET.length(), link.length() - 1, 10))
        : OptionalLong.empty();
  }
}
