package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.util.Optional;

/**
 * A pid and the moment at which its process started: together they mean one process of this boot,
 * also after the pid was given to another (proc_pid_stat(5), field 22).
 *
 * @param ticks in clock ticks since the host's start
 */
public record ProcessStart(int pid, long ticks) {

  private static final int ROOM = 1024; // a name of 15 bytes and 51 numbers are less
  private static final int PARENT = 1; // counted from the state, which follows the name
  private static final int START = 19;

  private static final ThreadLocal<Memory> SCRATCH =
      ThreadLocal.withInitial(() -> new Memory(ROOM));

  /** Empty when there is no such process, or where /proc does not show it. Any thread. */
  public static Optional<ProcessStart> of(int pid) {
    long ticks = ticks(pid);
    return ticks == 0 ? Optional.empty() : Optional.of(new ProcessStart(pid, ticks));
  }

  /**
   * The same as a bare number, 0 for none; a few microseconds, since a journal asks it for each of
   * its lines.
   */
  public static long ticks(int pid) {
    return read(pid, START);
  }

  /** The pid of its parent in our pid namespace; 0 where it is in another, or is not known. */
  public static int parent(int pid) {
    return (int) read(pid, PARENT);
  }

  private static long read(int pid, int field) {
    if (pid <= 0) {
      return 0;
    }
    int number = Libc.open("/proc/" + pid + "/stat", Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
    if (number < 0) {
      return 0;
    }
    Memory room = SCRATCH.get();
    long length = Libc.read(number, room, ROOM);
    int unused = Libc.close(number);
    return length <= 0 ? 0 : parse(room.getByteArray(0, (int) length), field);
  }

  static long parse(byte[] line, int wanted) {
    int at = line.length - 1;
    // The name, in parentheses, is the program's choice: it may have spaces and parentheses.
    while (at >= 0 && line[at] != ')') {
      at--;
    }
    at += 2;
    for (int field = 0; field < wanted && at < line.length; at++) {
      if (line[at] == ' ') {
        field++;
      }
    }
    long value = 0;
    for (; at < line.length && line[at] >= '0' && line[at] <= '9'; at++) {
      value = value * 10 + line[at] - '0';
    }
    return value;
  }

  /** Whether the pid still means this process; a zombie counts as it. */
  public boolean isStill() {
    return ticks(pid) == ticks;
  }

  /**
   * Opens this very process, owned by the caller; it may be a zombie.
   *
   * @throws ErrnoException ESRCH when it has ended and been reaped, and its pid may be another's
   */
  public Pidfd open() throws ErrnoException {
    Pidfd opened = Pidfd.open(pid);
    // In this order: had it ended before it was opened, the pid would now be somebody else's.
    if (!isStill()) {
      opened.close();
      throw new ErrnoException("pidfd_open", "pid " + pid, Errno.ESRCH);
    }
    return opened;
  }
}
