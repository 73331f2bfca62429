package dev.holdfast.fd;

import java.time.Duration;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A process, held by descriptor: it never means another process that was given the same pid later
 * (pidfd_open(2)). Becomes readable when the process ends. Owns its descriptor.
 */
public final class Pidfd implements AutoCloseable {

  private final OwnedFd fd;
  private final int pid;

  private Pidfd(OwnedFd fd, int pid) {
    this.fd = fd;
    this.pid = pid;
  }

  /**
   * Opens a pidfd, owned by the result.
   *
   * @throws ErrnoException ESRCH where no such process is; ENOSYS before Linux 5.3
   */
  public static Pidfd open(int pid) throws ErrnoException {
    long number = Libc.syscall(Libc.SYS_PIDFD_OPEN, pid, 0, 0, 0);
    if (number < 0) {
      throw ErrnoException.last("pidfd_open", "pid " + pid);
    }
    return new Pidfd(OwnedFd.own((int) number), pid);
  }

  /** Takes over a pidfd that another process gave, of this pid. */
  public static Pidfd adopt(OwnedFd moved, int pid) {
    return new Pidfd(moved, pid);
  }

  /** Takes over a pidfd that the kernel gave, as SO_PEERPIDFD does, or another process sent. */
  public static Pidfd wrap(OwnedFd fd, int pid) {
    return new Pidfd(fd, pid);
  }

  /** Another pidfd of the same process, owned by the caller. */
  public Pidfd dup() throws ErrnoException {
    return new Pidfd(fd.dup(), pid);
  }

  public int pid() {
    return pid;
  }

  /** The descriptor, for a {@link Poller}; still owned by this object. */
  public OwnedFd fd() {
    return fd;
  }

  public boolean hasExited() {
    return Polling.await(fd.number(), Libc.POLLIN, Duration.ZERO);
  }

  /**
   * Waits for the end of the process; false when it still lives after the time. Null waits for
   * ever.
   */
  public boolean awaitExit(@Nullable Duration atMost) {
    return Polling.await(fd.number(), Libc.POLLIN, atMost);
  }

  /**
   * Sends a signal to exactly this process.
   *
   * @throws ErrnoException ESRCH when it is gone, EPERM when we may not
   */
  public void signal(int signo) throws ErrnoException {
    if (Libc.syscall(Libc.SYS_PIDFD_SEND_SIGNAL, fd.number(), signo, 0, 0) < 0) {
      throw ErrnoException.last("pidfd_send_signal", "signal " + signo + " to pid " + pid);
    }
  }

  /**
   * A descriptor for what the process has open under a number (pidfd_getfd(2), Linux 5.6), owned by
   * the caller. Needs the right to trace the process (ptrace(2), PTRACE_MODE_ATTACH_REALCREDS).
   *
   * @throws ErrnoException EBADF where it has nothing there, ESRCH when it is gone, EPERM without
   *     the right
   */
  public OwnedFd dupOf(int number) throws ErrnoException {
    long copy = Libc.syscall(Libc.SYS_PIDFD_GETFD, fd.number(), number, 0, 0);
    if (copy < 0) {
      throw ErrnoException.last("pidfd_getfd", "descriptor " + number + " of pid " + pid);
    }
    return OwnedFd.own((int) copy);
  }

  /**
   * How the process ended, as waitpid(2) encodes it, whoever reaped it. Empty while it lives or is
   * a zombie, and before Linux 6.15 (PIDFD_GET_INFO with PIDFD_INFO_EXIT).
   */
  public OptionalInt exitStatus() {
    return ProcessInfo.exitStatus(fd);
  }

  @Override
  public void close() {
    fd.close();
  }
}
