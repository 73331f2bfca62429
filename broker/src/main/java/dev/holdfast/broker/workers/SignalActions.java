package dev.holdfast.broker.workers;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;

/** What a process has said it does about a signal, as /proc/PID/status tells it. */
final class SignalActions {

  // SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH: end nobody by default.
  private static final Set<Integer> HARMLESS = Set.of(17, 18, 19, 20, 21, 22, 23, 28);

  private SignalActions() {}

  /**
   * Whether the signal does not simply end it: a handler is there, it is ignored, or all threads
   * block it, as those do who wait for it with signalfd(2) or sigwait(3).
   */
  static boolean expects(int pid, int signal) throws IOException {
    if (HARMLESS.contains(signal)) {
      return true;
    }
    Optional<String> status = Proc.text("/proc/" + pid + "/status");
    if (status.isEmpty()) {
      return false;
    }
    return has(status.get(), "SigCgt:", signal)
        || has(status.get(), "SigIgn:", signal)
        || (has(status.get(), "SigBlk:", signal) && allThreadsBlock(pid, signal));
  }

  private static boolean allThreadsBlock(int pid, int signal) throws IOException {
    String threads = "/proc/" + pid + "/task";
    for (int thread : Proc.numbers(threads)) {
      Optional<String> status = Proc.text(threads + "/" + thread + "/status");
      if (status.isPresent() && !has(status.get(), "SigBlk:", signal)) {
        return false;
      }
    }
    return true;
  }

  private static boolean has(String status, String key, int signal) {
    int from = status.indexOf(key);
    if (from < 0) {
      return false;
    }
    int end = status.indexOf('\n', from);
    String mask = status.substring(from + key.length(), end).strip();
    return ((Long.parseUnsignedLong(mask, 16) >>> (signal - 1)) & 1) != 0;
  }
}
