package dev.holdfast.broker.testing;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
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
    // The kernel lists those that listen first; behind them there may be 100,000 in TIME_WAIT.
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/net", table))) {
      return lines
          .skip(1)
          .map(line -> line.strip().split(" +"))
          .takeWhile(column -> column[3].equals(LISTEN))
          .filter(column -> column[1].equals(address))
          .mapToLong(column -> Long.parseLong(column[9]))
          .findFirst();
    }
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
