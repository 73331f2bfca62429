package dev.holdfast.broker.testing;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** What the kernel says of TCP sockets that listen on 127.0.0.1, whoever holds them. */
public final class ListeningSocket {
  private static final String LISTEN = "0A";

  private ListeningSocket() {}

  /** The inode, which is the socket's identity; empty when nothing listens there. */
  public static OptionalLong inode(int port) throws IOException {
    OptionalLong inode = inode("tcp", String.format("0100007F:%04X", port));
    // A JVM binds a socket of IPv6.
    String mapped = String.format("0000000000000000FFFF00000100007F:%04X", port);
    return inode.isPresent() ? inode : inode("tcp6", mapped);
  }

  private static OptionalLong inode(String table, String address) throws IOException {
    try (Stream<String[]> listening = listening(table)) {
      return listening
          .filter(column -> column[1].equals(address))
          .mapToLong(column -> Long.parseLong(column[9]))
          .findFirst();
    }
  }

  /** The columns of each; to be closed by the caller. */
  @SuppressWarnings("StreamResourceLeak")
  private static Stream<String[]> listening(String table) throws IOException {
    // The kernel lists those that listen first; behind them there may be 100,000 in TIME_WAIT.
    return Files.lines(Path.of("/proc/self/net", table))
        .skip(1)
        .map(line -> line.strip().split(" +", -1))
        .takeWhile(column -> column[3].equals(LISTEN));
  }

  /** All that listen on any address of IPv4 and IPv6: their ports by their inodes. */
  public static Map<Long, Integer> ports() throws IOException {
    Map<Long, Integer> ports = new HashMap<>();
    for (String table : List.of("tcp", "tcp6")) {
      try (Stream<String[]> listening = listening(table)) {
        listening.forEach(
            column -> {
              String port = column[1].substring(column[1].indexOf(':') + 1);
              ports.put(Long.parseLong(column[9]), Integer.parseInt(port, 16));
            });
      }
    }
    return ports;
  }

  /** A port on which nobody listens now. */
  public static int freePort() throws IOException {
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress("127.0.0.1", 0));
      return probe.getLocalPort();
    }
  }

  /** Whether a connection is refused at once. */
  public static boolean refuses(int port) throws IOException {
    try {
      Probe.connect(port).close();
      return false;
    } catch (java.net.ConnectException e) {
      return true;
    }
  }
}
