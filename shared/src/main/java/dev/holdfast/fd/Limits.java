package dev.holdfast.fd;

import com.sun.jna.Memory;

/** This process's own limits and ids. */
public final class Limits {

  /** RLIMIT_NOFILE (getrlimit(2)): the limit in force and the most it can be raised to. */
  public record OpenFiles(long soft, long hard) {}

  private Limits() {}

  public static OpenFiles openFiles() throws ErrnoException {
    try (Memory limit = new Memory(16)) {
      if (Libc.getrlimit(Libc.RLIMIT_NOFILE, limit) < 0) {
        throw ErrnoException.last("getrlimit", "RLIMIT_NOFILE");
      }
      return new OpenFiles(limit.getLong(0), limit.getLong(8));
    }
  }

  /** Sets the limit in force; the hard limit stays. */
  public static void setOpenFiles(long soft) throws ErrnoException {
    try (Memory limit = new Memory(16)) {
      limit.setLong(0, soft);
      limit.setLong(8, openFiles().hard());
      if (Libc.setrlimit(Libc.RLIMIT_NOFILE, limit) < 0) {
        throw ErrnoException.last("setrlimit", "RLIMIT_NOFILE=" + soft);
      }
    }
  }

  /**
   * This process's pid, as it sees it itself; ProcessHandle tells it too, and loads a lot for it.
   */
  public static int processId() {
    return Libc.getpid();
  }

  public static int effectiveUid() {
    return Libc.geteuid();
  }

  /** chown(2) by number; -1 leaves one as it is. */
  public static void changeOwner(String path, int uid, int gid) throws ErrnoException {
    if (Libc.chown(path, uid, gid) < 0) {
      throw ErrnoException.last("chown", path);
    }
  }

  /** Reaps one ended child, if there is one (waitpid(2) with WNOHANG). Returns its pid, or 0. */
  public static int reapChild() {
    try (Memory status = new Memory(4)) {
      return Math.max(0, Libc.waitpid(-1, status, Libc.WNOHANG));
    }
  }
}
