package dev.holdfast.fd;

/**
 * The limit of processes and threads (RLIMIT_NPROC of setrlimit(2), pids.max of a cgroup). At it a
 * JVM throws an error at who starts a thread, as if its memory were used up; nothing is wrong with
 * the JVM.
 */
public final class ThreadLimit {

  private ThreadLimit() {}

  /** Returns when a thread could not be started for want of one, and throws all else again. */
  public static void require(OutOfMemoryError e) {
    String message = e.getMessage();
    if (message == null || !message.contains("native thread")) {
      throw e;
    }
  }
}
