package dev.holdfast.broker.workers;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.ProcessMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * One look at one process: does a thread of it wait for what comes to one of the sockets?
 *
 * <p>Nothing is asked of the process, and nothing of it is stopped. The descriptors are read first:
 * most processes do not have the socket, and then their threads do not matter. Since the process
 * runs meanwhile, what is put together here may never have been true at one moment; each part by
 * itself was.
 */
final class Waiting {

  private static final int EPOLLIN = 1;
  private static final int EPOLLRDNORM = 0x40;
  private static final int POLLFD = 8; // int fd, short events, short revents
  private static final int MOST_DESCRIPTORS = 65_536; // of one poll or select that we read
  private static final String EPOLL = "anon_inode:[eventpoll]";

  // Where the kernel sleeps in epoll_wait, by its versions.
  private static final Set<String> EPOLL_SLEEPS = Set.of("ep_poll", "do_epoll_wait");

  private final int pid;
  private final Map<Integer, SocketIdentity> held = new HashMap<>(); // by descriptor
  private final Set<Integer> epolls = new HashSet<>();
  private final Map<Integer, Boolean> watching = new HashMap<>(); // what was found out of epolls
  private final Set<Long> inodes = new HashSet<>();

  private Waiting(int pid) {
    this.pid = pid;
  }

  /**
   * What was found out.
   *
   * @param waits whether it waits on one of the sockets
   * @param holds whether it has one of them
   * @param sockets the inodes of all sockets that it has
   */
  record Look(boolean waits, boolean holds, Set<Long> sockets) {}

  /**
   * @throws Proc.NotAllowedException where we have no right to see whether it waits
   */
  static Look at(int pid, Collection<SocketIdentity> wanted) throws IOException {
    Waiting waiting = new Waiting(pid);
    waiting.readDescriptors(wanted);
    boolean holds = !waiting.held.isEmpty();
    boolean waits = holds && waiting.hasWaitingThread();
    return new Look(waits, holds, waiting.inodes);
  }

  private void readDescriptors(Collection<SocketIdentity> wanted) throws IOException {
    Map<Long, SocketIdentity> byInode = new HashMap<>();
    wanted.forEach(identity -> byInode.put(identity.inode(), identity));
    String directory = "/proc/" + pid + "/fd";
    for (int number : Proc.numbers(directory)) {
      String link = Proc.link(directory + "/" + number).orElse("");
      if (link.equals(EPOLL)) {
        epolls.add(number);
        continue;
      }
      OptionalLong inode = SocketIdentity.inode(link);
      if (inode.isPresent()) {
        inodes.add(inode.getAsLong());
        SocketIdentity identity = byInode.get(inode.getAsLong());
        if (identity != null) {
          held.put(number, identity);
        }
      }
    }
  }

  private boolean hasWaitingThread() throws IOException {
    for (int thread : Proc.numbers("/proc/" + pid + "/task")) {
      if (waits(thread) && !isStopped(thread)) {
        return true;
      }
    }
    return false;
  }

  /** A thread that was stopped in a call still tells the call. */
  private boolean isStopped(int thread) throws IOException {
    return ProcessStat.ofThread(pid, thread).filter(stat -> !stat.isStopped()).isEmpty();
  }

  private boolean waits(int thread) throws IOException {
    Optional<String> line;
    try {
      line = Proc.text("/proc/" + pid + "/task/" + thread + "/syscall");
    } catch (Proc.NotAllowedException e) {
      // Needs the right to trace it; where it sleeps may be read by who may read its descriptors.
      if (sleepsIn(thread, EPOLL_SLEEPS) && watchesAny()) {
        return true;
      }
      throw e;
    }
    Optional<SystemCall> call = line.flatMap(SystemCall::parse);
    return call.isPresent() && waits(thread, call.get());
  }

  private boolean waits(int thread, SystemCall call) throws IOException {
    return switch (call.kind()) {
      case EPOLL -> watches(call.descriptor());
      case ACCEPT -> held.containsKey(call.descriptor());
      case RECEIVE -> {
        SocketIdentity socket = held.get(call.descriptor());
        yield socket != null && socket.datagram();
      }
      case POLL -> polls(call.first(), call.second());
      case SELECT -> selects((int) call.first(), call.second());
      case RESTART -> restartsPoll(thread) && polls(call.first(), call.second());
    };
  }

  // ---- epoll

  private boolean watchesAny() throws IOException {
    for (int epoll : epolls) {
      if (watches(epoll)) {
        return true;
      }
    }
    return false;
  }

  /** Whether it tells of a socket of ours, itself or by an epoll descriptor that is in it. */
  private boolean watches(int epoll) throws IOException {
    return epolls.contains(epoll) && watches(epoll, true);
  }

  private boolean watches(int epoll, boolean nested) throws IOException {
    Boolean known = watching.get(epoll);
    if (known != null) {
      return known;
    }
    boolean found = readRows(epoll, nested);
    if (nested) {
      watching.put(epoll, found);
    }
    return found;
  }

  /** Rows such as {@code tfd: 3 events: 19 data: 3 pos:0 ino:468ed7e sdev:9}, in hex mostly. */
  private boolean readRows(int epoll, boolean nested) throws IOException {
    String rows = Proc.text("/proc/" + pid + "/fdinfo/" + epoll).orElse("");
    for (String row : rows.split("\n", -1)) {
      if (!row.startsWith("tfd:") || (number(row, "events:", 16) & (EPOLLIN | EPOLLRDNORM)) == 0) {
        continue;
      }
      long inode = number(row, "ino:", 16);
      if (held.values().stream().anyMatch(socket -> socket.inode() == inode)) {
        return true;
      }
      int target = (int) number(row, "tfd:", 10);
      if (nested && target != epoll && epolls.contains(target) && watches(target, false)) {
        return true;
      }
    }
    return false;
  }

  private static long number(String row, String key, int radix) {
    int from = row.indexOf(key);
    if (from < 0) {
      return 0; // ino: came with Linux 4.15
    }
    from += key.length();
    while (from < row.length() && row.charAt(from) == ' ') {
      from++;
    }
    int to = from;
    while (to < row.length() && Character.digit(row.charAt(to), radix) >= 0) {
      to++;
    }
    return to == from ? 0 : Long.parseUnsignedLong(row, from, to, radix);
  }

  // ---- poll and select: what they wait for is in the memory of the process

  private boolean polls(long address, long count) throws IOException {
    ByteBuffer rows = memory(address, Math.min(count, MOST_DESCRIPTORS) * POLLFD);
    while (rows.remaining() >= POLLFD) {
      int descriptor = rows.getInt();
      int events = rows.getShort();
      rows.getShort(); // revents
      if ((events & (EPOLLIN | EPOLLRDNORM)) != 0 && held.containsKey(descriptor)) {
        return true;
      }
    }
    return false;
  }

  private boolean selects(int count, long readSet) throws IOException {
    if (readSet == 0) {
      return false;
    }
    int words = (Math.min(Math.max(count, 0), MOST_DESCRIPTORS) + 63) / 64;
    ByteBuffer set = memory(readSet, words * 8L);
    return held.keySet().stream()
        .filter(descriptor -> descriptor < count && descriptor / 8 < set.limit())
        .anyMatch(descriptor -> ((set.get(byteOf(descriptor)) >> (descriptor % 8)) & 1) != 0);
  }

  /** A set is made of 64-bit words. */
  private static int byteOf(int descriptor) {
    return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
        ? descriptor / 8
        : (descriptor / 64 * 8) + 7 - (descriptor / 8 % 8);
  }

  private ByteBuffer memory(long address, long length) throws IOException {
    try {
      return ByteBuffer.wrap(ProcessMemory.read(pid, address, (int) length))
          .order(ByteOrder.nativeOrder());
    } catch (ErrnoException e) {
      if (e.errnoName().equals("EPERM")) {
        throw new Proc.NotAllowedException(e.call() + ": " + e.errnoName());
      }
      return ByteBuffer.allocate(0); // it is gone, or somewhere else by now
    }
  }

  private boolean restartsPoll(int thread) throws IOException {
    return wchan(thread).contains("poll");
  }

  private boolean sleepsIn(int thread, Set<String> functions) throws IOException {
    return functions.contains(wchan(thread));
  }

  private String wchan(int thread) throws IOException {
    return Proc.text("/proc/" + pid + "/task/" + thread + "/wchan").orElse("");
  }
}
