package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;

/**
 * What can be done to a listening socket, and what can be read from it. Each call borrows the
 * descriptor; none blocks; any thread may call, since none keeps state.
 */
public final class Sockets {

  /** What kind of socket a listener is. */
  public enum Kind {
    STREAM(Libc.SOCK_STREAM),
    DATAGRAM(Libc.SOCK_DGRAM),
    SEQPACKET(Libc.SOCK_SEQPACKET);

    final int number;

    Kind(int number) {
      this.number = number;
    }
  }

  private static final int TCP_INFO_UNACKED = 24;
  private static final int TCP_INFO_SACKED = 28;
  private static final int SK_MEMINFO_DROPS = 8;

  private Sockets() {}

  /**
   * A new IPv4 or IPv6 socket, as the address is; close-on-exec and non-blocking from birth. The
   * caller owns it.
   */
  public static OwnedFd open(InetAddress address, Kind kind) throws ErrnoException {
    int domain = address instanceof Inet6Address ? Libc.AF_INET6 : Libc.AF_INET;
    return open(domain, kind, domain == Libc.AF_INET6 ? "IPv6" : "IPv4");
  }

  /** A new Unix socket; close-on-exec and non-blocking from birth. The caller owns it. */
  public static OwnedFd openUnix(Kind kind) throws ErrnoException {
    return open(Libc.AF_UNIX, kind, "Unix");
  }

  private static OwnedFd open(int domain, Kind kind, String object) throws ErrnoException {
    int number = Libc.socket(domain, kind.number | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
    if (number < 0) {
      throw ErrnoException.last("socket", object);
    }
    return OwnedFd.own(number);
  }

  /**
   * Binds to an address and a port by number.
   *
   * @param object what the user called it, for the message
   * @throws ErrnoException EADDRINUSE, EADDRNOTAVAIL, EACCES (a port below 1024 without
   *     CAP_NET_BIND_SERVICE)
   */
  public static void bind(OwnedFd fd, InetAddress address, int port, String object)
      throws ErrnoException {
    bind(fd, SocketAddresses.encode(address, port), object);
  }

  /**
   * Makes the path, which the caller must remove; fails with EADDRINUSE where it exists, whoever
   * owns it.
   */
  public static void bind(OwnedFd fd, UnixAddress address, String object) throws ErrnoException {
    bind(fd, SocketAddresses.encode(address), object);
  }

  private static void bind(OwnedFd fd, SocketAddresses.Encoded address, String object)
      throws ErrnoException {
    if (Libc.bind(fd.number(), address.memory(), address.length()) < 0) {
      throw ErrnoException.last("bind", object);
    }
  }

  /**
   * Starts listening, changes the backlog of a socket that listens already, or heals one that was
   * shut down: for all holders, since they share the description.
   */
  public static void listen(OwnedFd fd, int backlog, String object) throws ErrnoException {
    if (Libc.listen(fd.number(), backlog) < 0) {
      throw ErrnoException.last("listen", object);
    }
  }

  /**
   * Stops listening, for all holders: new connections are refused and queued ones are reset. A TCP
   * port that was bound by number stays bound, and {@link #listen} opens it again; a Unix socket
   * does not come back.
   */
  public static void stopListening(OwnedFd fd, String object) throws ErrnoException {
    if (Libc.shutdown(fd.number(), Libc.SHUT_RDWR) < 0) {
      throw ErrnoException.last("shutdown", object);
    }
  }

  public static void set(OwnedFd fd, SocketOption option, int value, String object)
      throws ErrnoException {
    try (Memory memory = new Memory(4)) {
      memory.setInt(0, value);
      if (Libc.setsockopt(fd.number(), option.level, option.number, memory, 4) < 0) {
        throw ErrnoException.last("setsockopt " + option + "=" + value, object);
      }
    }
  }

  public static int get(OwnedFd fd, SocketOption option, String object) throws ErrnoException {
    return integer(fd, option.level, option.number, object);
  }

  /** SO_BINDTODEVICE (socket(7)). */
  public static void bindToDevice(OwnedFd fd, String device, String object) throws ErrnoException {
    byte[] name = (device + "\0").getBytes(StandardCharsets.UTF_8);
    try (Memory memory = new Memory(name.length)) {
      memory.write(0, name, 0, name.length);
      if (Libc.setsockopt(fd.number(), Libc.SOL_SOCKET, Libc.SO_BINDTODEVICE, memory, name.length)
          < 0) {
        throw ErrnoException.last("setsockopt SO_BINDTODEVICE=" + device, object);
      }
    }
  }

  /** O_NONBLOCK of the open file description, so as every holder sees it. */
  public static boolean isNonBlocking(OwnedFd fd) throws ErrnoException {
    return (flags(fd) & Libc.O_NONBLOCK) != 0;
  }

  /** Changes O_NONBLOCK for every holder of the description. */
  public static void setNonBlocking(OwnedFd fd, boolean on) throws ErrnoException {
    int flags = flags(fd);
    int wanted = on ? flags | Libc.O_NONBLOCK : flags & ~Libc.O_NONBLOCK;
    if (flags != wanted && Libc.fcntl(fd.number(), Libc.F_SETFL, wanted) < 0) {
      throw ErrnoException.last("fcntl F_SETFL", "socket");
    }
  }

  private static int flags(OwnedFd fd) throws ErrnoException {
    int flags = Libc.fcntl(fd.number(), Libc.F_GETFL, 0);
    if (flags < 0) {
      throw ErrnoException.last("fcntl F_GETFL", "descriptor " + fd);
    }
    return flags;
  }

  /** SO_ACCEPTCONN. A Unix socket that was shut down still says yes; a TCP socket says no. */
  public static boolean isListening(OwnedFd fd) throws ErrnoException {
    return integer(fd, Libc.SOL_SOCKET, Libc.SO_ACCEPTCONN, "socket") != 0;
  }

  /**
   * Whether anybody but this process's own poll sees it hung up: a TCP listener that was shut down,
   * or a Unix one.
   */
  public static boolean isShutDown(OwnedFd fd) {
    try (Memory row = new Memory(8)) {
      row.setInt(0, fd.number());
      row.setInt(4, 0);
      int ready = Libc.poll(row, 1, 0);
      return ready > 0 && (row.getShort(6) & Poller.HANGUP) != 0;
    }
  }

  public static SocketFacts facts(OwnedFd fd) throws ErrnoException {
    int domain = integer(fd, Libc.SOL_SOCKET, Libc.SO_DOMAIN, "descriptor " + fd);
    int type = integer(fd, Libc.SOL_SOCKET, Libc.SO_TYPE, "descriptor " + fd);
    int protocol = integer(fd, Libc.SOL_SOCKET, Libc.SO_PROTOCOL, "descriptor " + fd);
    boolean listening = isListening(fd);
    try (Memory address = new Memory(SocketAddresses.ROOM);
        Memory length = new Memory(4);
        Memory cookie = new Memory(8)) {
      address.clear();
      length.setInt(0, SocketAddresses.ROOM);
      if (Libc.getsockname(fd.number(), address, length) < 0) {
        throw ErrnoException.last("getsockname", "descriptor " + fd);
      }
      String where = SocketAddresses.text(address, length.getInt(0));
      length.setInt(0, 8);
      if (Libc.getsockopt(fd.number(), Libc.SOL_SOCKET, Libc.SO_COOKIE, cookie, length) < 0) {
        throw ErrnoException.last("getsockopt SO_COOKIE", "descriptor " + fd);
      }
      boolean unix = domain == Libc.AF_UNIX;
      return new SocketFacts(
          domain,
          type,
          protocol,
          listening,
          scheme(unix, type) + ":" + where,
          unix ? 0 : SocketAddresses.port(address),
          cookie.getLong(0));
    }
  }

  private static String scheme(boolean unix, int type) {
    return switch (type) {
      case Libc.SOCK_STREAM -> unix ? "unix" : "tcp";
      case Libc.SOCK_DGRAM -> unix ? "unixgram" : "udp";
      case Libc.SOCK_SEQPACKET -> "seqpacket";
      default -> "type" + type;
    };
  }

  /**
   * Its number on sockfs, as links in /proc/PID/fd have it ({@code socket:[4711]}): the same
   * whoever holds it, and given to another socket some time after it is gone.
   */
  public static long inode(OwnedFd fd) throws ErrnoException {
    return fd.inode();
  }

  /** The queue of a listening TCP socket, from TCP_INFO (tcp(7)); the drops of any socket. */
  public static AcceptQueue acceptQueue(OwnedFd fd) throws ErrnoException {
    try (Memory info = new Memory(256);
        Memory length = new Memory(4)) {
      info.clear();
      length.setInt(0, 256);
      if (Libc.getsockopt(fd.number(), Libc.IPPROTO_TCP, Libc.TCP_INFO, info, length) < 0) {
        throw ErrnoException.last("getsockopt TCP_INFO", "socket");
      }
      int waiting = info.getInt(TCP_INFO_UNACKED);
      int limit = info.getInt(TCP_INFO_SACKED);
      length.setInt(0, 256);
      long drops =
          Libc.getsockopt(fd.number(), Libc.SOL_SOCKET, Libc.SO_MEMINFO, info, length) < 0
                  || length.getInt(0) < (SK_MEMINFO_DROPS + 1) * 4
              ? 0
              : Integer.toUnsignedLong(info.getInt(SK_MEMINFO_DROPS * 4L));
      return new AcceptQueue(waiting, limit, drops);
    }
  }

  /**
   * Whether somebody listens at the address of a Unix stream socket. Does not wait for room in a
   * full queue; where there is room, the listener gets a connection that ends at once.
   *
   * @throws ErrnoException when that cannot be told: EACCES, EPROTOTYPE for a socket of another
   *     type
   */
  public static boolean hasListener(UnixAddress address) throws ErrnoException {
    try (OwnedFd fd = openUnix(Kind.STREAM)) {
      SocketAddresses.Encoded encoded = SocketAddresses.encode(address);
      if (Libc.connect(fd.number(), encoded.memory(), encoded.length()) == 0) {
        return true;
      }
      int errno = Libc.errno();
      return switch (errno) {
        case Errno.EAGAIN -> true; // its queue is full
        case Errno.ECONNREFUSED, Errno.ENOENT -> false;
        default -> throw new ErrnoException("connect", address.toString(), errno);
      };
    }
  }

  /**
   * The index of a network interface, for a scoped IPv6 address; 0 where there is none of that
   * name.
   */
  public static int interfaceIndex(String name) {
    return Libc.if_nametoindex(name);
  }

  private static int integer(OwnedFd fd, int level, int option, String object)
      throws ErrnoException {
    try (Memory value = new Memory(8)) {
      value.setInt(4, 4);
      if (Libc.getsockopt(fd.number(), level, option, value, value.share(4)) < 0) {
        throw ErrnoException.last("getsockopt " + option, object);
      }
      return value.getInt(0);
    }
  }
}
