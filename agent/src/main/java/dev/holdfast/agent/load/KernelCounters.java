package dev.holdfast.agent.load;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The kernel's own TCP counters (the TcpExt group of netstat(8)), of one network namespace: of all
 * its sockets, not of one. They see what a client cannot: a connection dropped from a full accept
 * queue and saved by a retransmission.
 *
 * @param values counter by name; which exist depends on the kernel
 */
public record KernelCounters(SortedMap<String, Long> values) {
  private static final String GROUP = "TcpExt:";

  public KernelCounters {
    values = Collections.unmodifiableSortedMap(new TreeMap<>(values));
  }

  /**
   * The counters of this process's network namespace.
   *
   * @throws IOException if /proc is not there or has no such group
   */
  public static KernelCounters read() throws IOException {
    return read(Path.of("/proc/self/net/netstat"));
  }

  /**
   * The counters of the network namespace that the process is in.
   *
   * @throws IOException if the process is gone, or we may not look
   */
  public static KernelCounters ofProcess(int pid) throws IOException {
    return read(Path.of("/proc/" + pid + "/net/netstat"));
  }

  private static KernelCounters read(Path file) throws IOException {
    return parse(Files.readAllLines(file), file.toString());
  }

  /** Each group is two lines of equal length: the names, then the values. */
  static KernelCounters parse(List<String> lines, String source) throws IOException {
    for (int line = 0; line + 1 < lines.size(); line++) {
      String[] names = lines.get(line).split(" ", -1);
      String[] counts = lines.get(line + 1).split(" ", -1);
      if (names[0].equals(GROUP) && counts[0].equals(GROUP) && names.length == counts.length) {
        SortedMap<String, Long> values = new TreeMap<>();
        for (int column = 1; column < names.length; column++) {
          values.put(names[column], Long.parseLong(counts[column]));
        }
        return new KernelCounters(values);
      }
    }
    throw new IOException("read " + source + ": no group " + GROUP + " in it");
  }

  /** How much each counter grew since an earlier reading in the same namespace. */
  public KernelCounters since(KernelCounters earlier) {
    SortedMap<String, Long> grown = new TreeMap<>();
    values.forEach((name, value) -> grown.put(name, value - earlier.value(name)));
    return new KernelCounters(grown);
  }

  /** One counter, 0 when this kernel has none of that name. */
  public long value(String name) {
    return values.getOrDefault(name, 0L);
  }

  /** How often a finished handshake met a full accept queue. */
  public long listenOverflows() {
    return value("ListenOverflows");
  }

  /** How often a listener dropped a connection request for any reason, overflows included. */
  public long listenDrops() {
    return value("ListenDrops");
  }

  /** How often a request was dropped because the queue of half-open ones was full. */
  public long requestQueueFullDrops() {
    return value("TCPReqQFullDrop");
  }
}
