package dev.holdfast.broker.survive;

import dev.holdfast.listener.Endpoint;
import dev.holdfast.listener.InetEndpoint;
import dev.holdfast.listener.Transport;
import dev.holdfast.listener.UnixEndpoint;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/**
 * The kernel's tables of sockets, of one network namespace: /proc/PID/net/tcp and its neighbours
 * (proc_pid_net(5)). They show a socket also when none of its holders can be seen.
 */
final class SocketTables {

  private static final String LISTENS = "0A";
  private static final int UNIX_LISTENS = 0x10000;

  /** Is shown rows of sockets that listen, or of datagrams. */
  private interface Row {
    void inet(InetAddress address, int port, long inode);
  }

  private final String directory;

  private SocketTables(String directory) {
    this.directory = directory;
  }

  static SocketTables ours() {
    return new SocketTables("/proc/self/net/");
  }

  static SocketTables of(OtherProcess process) {
    return new SocketTables(process.path("net/").toString() + "/");
  }

  /** The inodes of all stream sockets that listen. */
  Set<Long> listening() throws IOException {
    Set<Long> result = new HashSet<>();
    inet("tcp", true, (address, port, inode) -> result.add(inode));
    unix(true, (path, inode) -> result.add(inode));
    return result;
  }

  /** The inodes of all that can be a listener of ours, but for TCP sockets that do not listen. */
  Set<Long> all() throws IOException {
    Set<Long> result = new HashSet<>();
    inet("tcp", true, (address, port, inode) -> result.add(inode));
    inet("udp", false, (address, port, inode) -> result.add(inode));
    unix(false, (path, inode) -> result.add(inode));
    return result;
  }

  /** The inodes of those that are in the way of another at the endpoint. */
  Set<Long> at(Endpoint endpoint) throws IOException {
    Set<Long> result = new HashSet<>();
    if (endpoint instanceof InetEndpoint wanted) {
      boolean tcp = wanted.transport() == Transport.TCP;
      inet(
          tcp ? "tcp" : "udp",
          tcp,
          (address, port, inode) -> {
            if (port == wanted.port() && overlap(address, wanted.address())) {
              result.add(inode);
            }
          });
    } else if (endpoint instanceof UnixEndpoint wanted) {
      byte[] bytes = wanted.address().toString().getBytes(StandardCharsets.UTF_8);
      String path = new String(bytes, StandardCharsets.ISO_8859_1); // as the table is read
      unix(
          false,
          (bound, inode) -> {
            if (bound.equals(path)) {
              result.add(inode);
            }
          });
    }
    return result;
  }

  private static boolean overlap(InetAddress one, InetAddress other) {
    // An IPv6 wildcard takes IPv4 too, unless it was told not to, which no table shows.
    return one.equals(other)
        || (one.isAnyLocalAddress() && (one instanceof Inet6Address || sameFamily(one, other)))
        || (other.isAnyLocalAddress() && (other instanceof Inet6Address || sameFamily(one, other)));
  }

  private static boolean sameFamily(InetAddress one, InetAddress other) {
    return one.getAddress().length == other.getAddress().length;
  }

  /**
   * Reads both families' tables.
   *
   * @param listening whether only those that listen are of interest: the kernel lists them first,
   *     and behind them there may be 100,000 connections
   */
  private void inet(String protocol, boolean listening, Row row) throws IOException {
    inetTable(protocol, listening, row);
    if (Files.exists(Path.of(directory + protocol + "6"))) {
      inetTable(protocol + "6", listening, row);
    }
  }

  private void inetTable(String table, boolean listening, Row row) throws IOException {
    try (BufferedReader lines = open(table)) {
      lines.readLine(); // the heads of the columns
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] column = line.strip().split(" +", 11);
        if (column.length < 10 || (listening && !column[3].equals(LISTENS))) {
          return;
        }
        int colon = column[1].indexOf(':');
        row.inet(
            address(column[1].substring(0, colon)),
            Integer.parseInt(column[1].substring(colon + 1), 16),
            Long.parseLong(column[9]));
      }
    } catch (NumberFormatException | IndexOutOfBoundsException e) {
      throw new IOException(directory + table + " is of an unknown form", e);
    }
  }

  /** Words of 32 bits, each in the host's order. */
  private static InetAddress address(String hex) throws UnknownHostException {
    byte[] bytes = new byte[hex.length() / 2];
    boolean little = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    for (int i = 0; i < bytes.length; i++) {
      int at = little ? i ^ 3 : i;
      bytes[at] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
    }
    // With a scope even where there is none: only so a mapped address stays what it is.
    return bytes.length == 4
        ? InetAddress.getByAddress(bytes)
        : Inet6Address.getByAddress(null, bytes, 0);
  }

  private interface UnixRow {
    void unix(String path, long inode);
  }

  private void unix(boolean listening, UnixRow row) throws IOException {
    try (BufferedReader lines = open("unix")) {
      lines.readLine();
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] column = line.split(" +", 8);
        if (column.length >= 7
            && (!listening || (Integer.parseInt(column[3], 16) & UNIX_LISTENS) != 0)) {
          row.unix(column.length == 8 ? column[7] : "", Long.parseLong(column[6]));
        }
      }
    } catch (NumberFormatException e) {
      throw new IOException(directory + "unix is of an unknown form", e);
    }
  }

  private BufferedReader open(String table) throws IOException {
    return Files.newBufferedReader(Path.of(directory + table), StandardCharsets.ISO_8859_1);
  }
}
