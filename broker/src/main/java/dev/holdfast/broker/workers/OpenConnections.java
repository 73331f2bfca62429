package dev.holdfast.broker.workers;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Tells which sockets of processes are connections that were accepted on the given listeners: those
 * with the listener's own address.
 *
 * <p>Each socket is asked itself, through a copy of its descriptor (pidfd_getfd(2)), which costs a
 * few microseconds however many connections the host has. Where that is not allowed, the tables of
 * our network namespace, which is the listener's too, are read instead: they have a row for each
 * socket of the host. What is no open connection of ours never becomes one, and is asked once.
 */
final class OpenConnections {

  // ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT: something may still come or go.
  private static final Set<String> OPEN = Set.of("01", "04", "05", "08");
  private static final String UNIX_CONNECTED = "03";
  private static final int UNIX_LISTENS = 0x10000;

  private final List<SocketIdentity> listeners;
  private final Set<Long> others = new HashSet<>();
  private final Set<Long> missedOnce = new HashSet<>();

  OpenConnections(Collection<SocketIdentity> listeners) {
    this.listeners = List.copyOf(listeners);
    listeners.forEach(listener -> others.add(listener.inode()));
  }

  /** Sockets that are none of those looked for, whatever they are. */
  void ignore(Set<Long> sockets) {
    others.addAll(sockets);
  }

  /** Whether one of the processes has an open accepted connection. */
  boolean isAnyIn(Collection<Integer> pids) throws IOException {
    return !in(pids, true).isEmpty();
  }

  /** How many open accepted connections the processes have. */
  int countIn(Collection<Integer> pids) throws IOException {
    return in(pids, false).size();
  }

  private Set<Long> in(Collection<Integer> pids, boolean firstOnly) throws IOException {
    Set<Long> open = new HashSet<>();
    try {
      for (int pid : pids) {
        add(pid, firstOnly, open);
        if (firstOnly && !open.isEmpty()) {
          return open;
        }
      }
      return open;
    } catch (Proc.NotAllowedException e) {
      Set<Long> sockets = new HashSet<>();
      for (int pid : pids) {
        sockets.addAll(socketsOf(pid));
      }
      return among(sockets);
    }
  }

  /** A process that has ended has none. */
  private void add(int pid, boolean firstOnly, Set<Long> open) throws IOException {
    String directory = "/proc/" + pid + "/fd";
    try (Pidfd pidfd = Pidfd.open(pid)) {
      for (int number : Proc.numbers(directory)) {
        OptionalLong inode = SocketIdentity.inode(Proc.link(directory + "/" + number).orElse(""));
        if (inode.isPresent()
            && !others.contains(inode.getAsLong())
            && isAccepted(pidfd, number, inode.getAsLong())) {
          open.add(inode.getAsLong());
          if (firstOnly) {
            return;
          }
        }
      }
    } catch (ErrnoException e) {
      if (!e.is(Errno.ESRCH)) {
        throw e;
      }
    }
  }

  private boolean isAccepted(Pidfd pidfd, int number, long inode) throws IOException {
    try (OwnedFd copy = pidfd.dupOf(number)) {
      Optional<SocketIdentity> socket = SocketIdentity.ofAny(copy);
      if (socket.isEmpty() || socket.get().inode() != inode) {
        return false; // it was closed, and the number is something else's by now
      }
      boolean accepted = listeners.stream().anyMatch(each -> each.accepted(socket.get()));
      if (!accepted) {
        others.add(inode);
      }
      return accepted;
    } catch (ErrnoException e) {
      return switch (e.errno()) {
        case Errno.EBADF, Errno.ESRCH -> false;
        case Errno.EPERM, Errno.ENOSYS ->
            throw new Proc.NotAllowedException("pidfd_getfd: " + e.errnoName());
        default -> throw e;
      };
    }
  }

  /** The inodes of all sockets that a process has. */
  static Set<Long> socketsOf(int pid) throws IOException {
    Set<Long> inodes = new HashSet<>();
    String directory = "/proc/" + pid + "/fd";
    for (String number : Proc.names(directory)) {
      OptionalLong inode = SocketIdentity.inode(Proc.link(directory + "/" + number).orElse(""));
      inode.ifPresent(inodes::add);
    }
    return inodes;
  }

  /**
   * The open accepted connections among them. The kernel lists the tables page by page and may miss
   * a row while others come and go: what is not found twice is known for something else.
   */
  private Set<Long> among(Set<Long> sockets) throws IOException {
    Set<Long> unknown = new HashSet<>(sockets);
    unknown.removeAll(others);
    if (unknown.isEmpty()) {
      return Set.of();
    }
    Set<Long> open = accepted();
    open.retainAll(unknown);
    unknown.removeAll(open);
    for (long inode : unknown) {
      if (!missedOnce.add(inode)) {
        missedOnce.remove(inode);
        others.add(inode);
      }
    }
    return open;
  }

  private Set<Long> accepted() throws IOException {
    Set<Long> accepted = new HashSet<>();
    List<SocketIdentity> streams = listeners.stream().filter(each -> !each.datagram()).toList();
    List<SocketIdentity> inet = streams.stream().filter(each -> each.address() != null).toList();
    if (!inet.isEmpty()) {
      addInet("/proc/self/net/tcp", inet, accepted);
      addInet("/proc/self/net/tcp6", inet, accepted);
    }
    if (inet.size() < streams.size()) {
      addUnix(streams, accepted);
    }
    return accepted;
  }

  /** Rows such as {@code 0: 0100007F:1F90 0100007F:D431 01 … 0 0 4711 …}. */
  private static void addInet(String table, List<SocketIdentity> inet, Set<Long> accepted)
      throws IOException {
    List<String> ports = new ArrayList<>();
    inet.forEach(each -> ports.add(String.format(":%04X ", each.port())));
    for (String row : lines(table)) {
      int local = row.indexOf(": ") + 2;
      int space = row.indexOf(' ', local);
      if (space < 5 || ports.stream().noneMatch(port -> row.startsWith(port, space - 5))) {
        continue;
      }
      String[] columns = row.strip().split(" +", -1);
      InetAddress address = address(columns[1].substring(0, columns[1].length() - 5));
      int port = Integer.parseInt(columns[1], columns[1].length() - 4, columns[1].length(), 16);
      if (OPEN.contains(columns[3])
          && inet.stream().anyMatch(each -> each.port() == port && each.covers(address))) {
        accepted.add(Long.parseLong(columns[9]));
      }
    }
  }

  /** 32-bit words in the byte order of the machine; a mapped IPv4 address becomes one of IPv4. */
  static InetAddress address(String hex) throws IOException {
    byte[] bytes = new byte[hex.length() / 2];
    byte[] printed = new BigInteger("1" + hex, 16).toByteArray(); // the 1 keeps leading zeros
    for (int i = 0; i < bytes.length; i++) {
      int from = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? i ^ 3 : i;
      bytes[i] = printed[from + 1];
    }
    return InetAddress.getByAddress(bytes);
  }

  /** Rows such as {@code 00000000d39ec04a: 00000003 00000000 00000000 0001 03 1064 /run/x}. */
  private static void addUnix(List<SocketIdentity> streams, Set<Long> accepted) throws IOException {
    List<String> paths = new ArrayList<>();
    for (SocketIdentity each : streams) {
      if (each.path() != null) {
        byte[] bytes = each.path().getBytes(StandardCharsets.UTF_8);
        paths.add(" " + new String(bytes, StandardCharsets.ISO_8859_1));
      }
    }
    for (String row : lines("/proc/self/net/unix")) {
      if (paths.stream().anyMatch(row::endsWith)) {
        String[] columns = row.split(" +", 8);
        if (columns[5].equals(UNIX_CONNECTED)
            && (Integer.parseInt(columns[3], 16) & UNIX_LISTENS) == 0) {
          accepted.add(Long.parseLong(columns[6]));
        }
      }
    }
  }

  private static List<String> lines(String table) throws IOException {
    List<String> lines = Proc.text(table).orElse("").lines().toList();
    return lines.isEmpty() ? lines : lines.subList(1, lines.size());
  }
}
