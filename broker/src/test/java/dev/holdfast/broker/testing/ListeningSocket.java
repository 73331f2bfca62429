package dev.holdfast.broker.testing;

import java.io.IOException;
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
    String address = String.format("0100007F:%04X", port);
    // The kernel lists those that listen first; behind them there may be 100,000 in TIME_WAIT.
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/net/tcp"))) {
      return lines
          .skip(1)
          .map(line -> line.strip().split(" +"))
          .takeWhile(column -> column[3].equals(LISTEN))
          .filter(column -> column[1].equals(address))
          .mapToLong(column -> Long.parseLong(column[9]))
          .findFirst();
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
