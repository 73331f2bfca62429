package dev.holdfast.broker.workers;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The system call that a thread is blocked in, as /proc/PID/task/TID/syscall tells it: the number
 * and the first two arguments.
 */
record SystemCall(Kind kind, long first, long second) {

  /** The calls that wait for what comes to a socket. */
  enum Kind {
    EPOLL,
    ACCEPT,
    RECEIVE,
    POLL,
    SELECT,
    /** A poll, a sleep or a futex that goes on after the process was stopped and continued. */
    RESTART
  }

  private static final Map<Integer, Kind> KINDS = kinds(System.getProperty("os.arch", ""));

  private static Map<Integer, Kind> kinds(String architecture) {
    Map<Integer, Kind> kinds = new HashMap<>();
    switch (architecture) {
      case "amd64", "x86_64" -> {
        put(kinds, Kind.EPOLL, 232, 281, 441); // epoll_wait, epoll_pwait, epoll_pwait2
        put(kinds, Kind.ACCEPT, 43, 288); // accept, accept4
        put(kinds, Kind.RECEIVE, 0, 45, 47, 299); // read, recvfrom, recvmsg, recvmmsg
        put(kinds, Kind.POLL, 7, 271); // poll, ppoll
        put(kinds, Kind.SELECT, 23, 270); // select, pselect6
        put(kinds, Kind.RESTART, 219);
      }
      case "aarch64", "riscv64", "loongarch64" -> { // asm-generic, which has the newer calls only
        put(kinds, Kind.EPOLL, 22, 441);
        put(kinds, Kind.ACCEPT, 202, 242);
        put(kinds, Kind.RECEIVE, 63, 207, 212, 243);
        put(kinds, Kind.POLL, 73);
        put(kinds, Kind.SELECT, 72);
        put(kinds, Kind.RESTART, 128);
      }
      default -> {} // unknown numbers: only what needs none is seen
    }
    return kinds;
  }

  private static void put(Map<Integer, Kind> kinds, Kind kind, int... numbers) {
    for (int number : numbers) {
      kinds.put(number, kind);
    }
  }

  /** Empty for a thread that runs, and for a call that waits for nothing of ours. */
  static Optional<SystemCall> parse(String line) {
    int space = line.indexOf(' ');
    if (space < 0 || line.charAt(0) == '-') {
      return Optional.empty(); // "running"; -1: blocked outside of a call
    }
    Kind kind = KINDS.get(Integer.valueOf(line.substring(0, space)));
    if (kind == null) {
      return Optional.empty();
    }
    String[] fields = line.split(" ", 4);
    return Optional.of(new SystemCall(kind, hex(fields[1]), hex(fields[2])));
  }

  private static long hex(String argument) {
    return Long.parseUnsignedLong(argument, 2, argument.length(), 16);
  }

  /** A descriptor fills the lower half of a register; what is above means nothing. */
  int descriptor() {
    return (int) first;
  }
}
