package dev.holdfast.agent.demo;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** Which socket it is that listens, as the kernel tells everybody in /proc. */
final class ListeningSocket {

  private static final String LISTEN = "0A";
  private static final int LOCAL = 1;
  private static final int STATE = 3;
  private static final int INODE = 9;

  private ListeningSocket() {}

  /** The inode of the one socket that listens on this port; empty where /proc does not tell. */
  static OptionalLong inode(int port) {
    try (Stream<String> rows = Files.lines(Path.of("/proc/net/tcp"))) {
      return inode(rows, port);
    } catch (IOException | UncheckedIOException e) {
      return OptionalLong.empty();
    }
  }

  /**
   * @param rows of /proc/net/tcp, its heading too. Those that listen come first; behind them there
   *     may be 100,000 connections, which are not read
   */
  static OptionalLong inode(Stream<String> rows, int port) {
    String end = String.format(":%04X", port);
    long[] inodes =
        rows.skip(1)
            .map(row -> row.strip().split("\\s+"))
            .takeWhile(fields -> fields.length > INODE && fields[STATE].equals(LISTEN))
            .filter(fields -> fields[LOCAL].endsWith(end))
            .mapToLong(fields -> Long.parseLong(fields[INODE]))
            .toArray();
    return inodes.length == 1 ? OptionalLong.of(inodes[0]) : OptionalLong.empty();
  }

  /** Whether the process has the socket open; false too where it may not be asked. */
  static boolean isHeldBy(long pid, long inode) {
    String name = "socket:[" + inode + "]";
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      return descriptors.anyMatch(descriptor -> reads(descriptor, name));
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean reads(Path link, String name) {
    try {
      return Files.readSymbolicLink(link).toString().equals(name);
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }
}
