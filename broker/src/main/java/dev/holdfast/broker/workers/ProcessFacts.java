package dev.holdfast.broker.workers;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.ProcessStart;
import dev.holdfast.listener.LeaseId;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A process as /proc/PID/stat shows it (proc(5)).
 *
 * @param started in clock ticks since the host's start: with the pid it means one process only
 * @param status how a zombie ended, as waitpid(2) encodes it; 0 where we may not know
 */
record ProcessFacts(int pid, char state, int parent, int group, long started, int status) {

  private static final byte[] LEASE = "HOLDFAST_LEASE=".getBytes(StandardCharsets.US_ASCII);

  /** Empty when there is no such process. */
  static Optional<ProcessFacts> of(int pid) {
    try {
      String text =
          Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
      // The name, in parentheses, is the program's choice: it may have spaces and parentheses.
      String[] fields = text.substring(text.lastIndexOf(')') + 2).trim().split(" ", -1);
      return Optional.of(
          new ProcessFacts(
              pid,
              fields[0].charAt(0),
              Integer.parseInt(fields[1]),
              Integer.parseInt(fields[2]),
              Long.parseLong(fields[19]),
              fields.length > 49 ? Integer.parseInt(fields[49]) : 0));
    } catch (IOException | IndexOutOfBoundsException | NumberFormatException e) {
      return Optional.empty(); // it is gone, or was going while we read
    }
  }

  /** All that can be seen; those that begin meanwhile may be missing. */
  static List<ProcessFacts> all() {
    return pids().stream().map(ProcessFacts::of).flatMap(Optional::stream).toList();
  }

  /** The pids that there are; those that begin meanwhile may be missing. */
  static Set<Integer> pids() {
    Set<Integer> result = new HashSet<>();
    String[] names = new File("/proc").list();
    for (String name : names == null ? new String[0] : names) {
      char first = name.charAt(0);
      if (first >= '0' && first <= '9') {
        result.add(Integer.parseInt(name));
      }
    }
    return result;
  }

  /**
   * Opens this very process, owned by the caller.
   *
   * @throws ErrnoException ESRCH when it has ended and been reaped
   */
  Pidfd open() throws ErrnoException {
    return new ProcessStart(pid, started).open();
  }

  /** Signals this very process; nothing happens to one that has ended. */
  void signal(int signo) throws ErrnoException {
    try (Pidfd opened = open()) {
      opened.signal(signo);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ESRCH)) {
        throw e;
      }
    }
  }

  boolean isAlive() {
    return state != 'Z' && state != 'X';
  }

  /** Whether it was started with this lease in its environment, itself or through its parents. */
  boolean has(LeaseId lease) {
    try {
      byte[] environment = Files.readAllBytes(Path.of("/proc/" + pid + "/environ"));
      byte[] value = lease.value().getBytes(StandardCharsets.US_ASCII);
      for (int start = 0; start < environment.length; ) {
        int end = start;
        while (end < environment.length && environment[end] != 0) {
          end++;
        }
        if (end - start == LEASE.length + value.length
            && Arrays.equals(environment, start, start + LEASE.length, LEASE, 0, LEASE.length)
            && Arrays.equals(environment, start + LEASE.length, end, value, 0, value.length)) {
          return true;
        }
        start = end + 1;
      }
    } catch (IOException e) {
      // gone, or not ours to look at
    }
    return false;
  }
}
