package dev.holdfast.broker.workers;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;

/** Says what to do about a process that could not be made. */
final class SpawnTrouble {

  private static final int E2BIG = 7;
  private static final int ENOMEM = 12;

  private SpawnTrouble() {}

  /** What was attempted, on what, the errno; and advice where there is some. */
  static String describe(ErrnoException failure) {
    String advice = advice(failure);
    return failure.getMessage() + (advice.isEmpty() ? "" : ": " + advice);
  }

  private static String advice(ErrnoException failure) {
    return switch (failure.errno()) {
      case Errno.EAGAIN ->
          "the limit of processes is reached: raise LimitNPROC= and TasksMax= of the broker's unit,"
              + " kernel.pid_max, or pids.max of its cgroup";
      case ENOMEM -> "there is no memory left for a process";
      case Errno.EMFILE ->
          "the broker has as many descriptors open as it may: raise its LimitNOFILE= (ulimit -n)";
      case Errno.ENFILE -> "the host has as many files open as it may: raise fs.file-max";
      case E2BIG -> "command and environment are longer than the kernel takes";
      case Errno.EPERM, Errno.EACCES, Errno.ENOENT, Errno.ENOTDIR -> byCall(failure);
      default -> "";
    };
  }

  private static String byCall(ErrnoException failure) {
    String call = failure.call();
    boolean forbidden = failure.is(Errno.EPERM) || failure.is(Errno.EACCES);
    if (call.startsWith("exec")) {
      return forbidden
          ? "that user may not execute it: check the file's mode and those of its directories, and"
              + " mount options"
          : "no such program";
    }
    if (call.startsWith("chdir")) {
      return forbidden ? "that user may not enter its directory" : "its directory is not there";
    }
    if (call.startsWith("set")) {
      return "only root, or a broker with CAP_SETUID, CAP_SETGID and CAP_SYS_NICE, may change that";
    }
    if (call.startsWith("prlimit")) {
      return "to raise a hard limit above the broker's own needs CAP_SYS_RESOURCE";
    }
    if (call.startsWith("open")) {
      return forbidden ? "the broker may not write there" : "its directory is not there";
    }
    return "";
  }
}
