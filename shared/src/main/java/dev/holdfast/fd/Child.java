package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.util.List;
import java.util.Optional;

/**
 * A child of ours, until it is reaped: so long its pid, and the number of the process group that it
 * leads, mean nobody else. Owns its pidfd. One thread.
 */
public final class Child implements AutoCloseable {

  /**
   * How it ended.
   *
   * @param code its exit code, when no signal killed it
   * @param signal the signal that killed it, or 0
   */
  public record Ended(int code, int signal) {}

  /** By number (getrlimit(2), asm-generic). */
  private static final List<String> LIMITS =
      List.of("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS");

  private final int pid;
  private final Pidfd pidfd;
  private boolean reaped;

  private Child(int pid, Pidfd pidfd) {
    this.pid = pid;
    this.pidfd = pidfd;
  }

  /** Takes over a child that was just made; kills and reaps it where that cannot be done. */
  static Child take(int pid, String name) throws ErrnoException {
    try {
      return new Child(pid, Pidfd.open(pid));
    } catch (ErrnoException e) {
      int unused = SpawnLibc.kill(pid, SpawnLibc.SIGKILL);
      Children.awaitAndReap(pid);
      throw new ErrnoException(e.call(), e.object() + ", a new " + name, e.errno());
    }
  }

  public int pid() {
    return pid;
  }

  /** The pidfd: readable when the child has ended. Still owned by this object. */
  public OwnedFd fd() {
    return pidfd.fd();
  }

  /** The same with its pid; still owned by this object. */
  public Pidfd pidfd() {
    return pidfd;
  }

  /** How it ended, if it has; it is not reaped by this. */
  public Optional<Ended> ended() throws ErrnoException {
    try (Memory info = new Memory(ChildLibc.SIGINFO_SIZE)) {
      Children.waitFor(ChildLibc.P_PIDFD, fd().number(), ChildLibc.WNOWAIT, info, "pid " + pid);
      if (info.getInt(ChildLibc.SI_PID) == 0) {
        return Optional.empty();
      }
      int status = info.getInt(ChildLibc.SI_STATUS);
      return Optional.of(
          info.getInt(ChildLibc.SI_CODE) == ChildLibc.CLD_EXITED
              ? new Ended(status, 0)
              : new Ended(0, status));
    }
  }

  /**
   * Frees the pid of a child that has ended; after it there is only {@link #close}. A second call
   * does nothing.
   *
   * @throws IllegalStateException while it runs
   */
  public void reap() {
    if (reaped) {
      return;
    }
    try (Memory info = new Memory(ChildLibc.SIGINFO_SIZE)) {
      Children.waitFor(ChildLibc.P_PIDFD, fd().number(), 0, info, "pid " + pid);
      if (info.getInt(ChildLibc.SI_PID) == 0) {
        throw new IllegalStateException("pid " + pid + " still runs");
      }
    } catch (ErrnoException e) {
      // ECHILD: somebody else reaped it. The pid is not ours to use any more either way.
      System.getLogger(Child.class.getName()).log(System.Logger.Level.DEBUG, "reaped before", e);
    }
    reaped = true;
  }

  /**
   * Sends a signal to the child itself; nothing happens to one that has ended.
   *
   * @throws ErrnoException EPERM where we may not
   */
  public void signal(int signo) throws ErrnoException {
    checkOurs();
    pidfd.signal(signo);
  }

  /**
   * Sends a signal to all of the process group that the child was made the leader of; it may have
   * ended itself.
   */
  public void signalGroup(int signo) throws ErrnoException {
    checkOurs();
    if (SpawnLibc.kill(-pid, signo) < 0) {
      throw ErrnoException.last("kill", "signal " + signo + " to process group " + pid);
    }
  }

  /**
   * Sets a resource limit of the child (prlimit(2)).
   *
   * @param resource RLIMIT_…
   * @param soft in force; -1 for none
   * @param hard what the child may raise it to; -1 for any
   */
  public void limit(int resource, long soft, long hard) throws ErrnoException {
    checkOurs();
    try (Memory limit = new Memory(16)) {
      limit.setLong(0, soft);
      limit.setLong(8, hard);
      if (SpawnLibc.prlimit(pid, resource, limit, null) < 0) {
        throw ErrnoException.last(
            "prlimit",
            limitName(resource) + "=" + text(soft) + ":" + text(hard) + " of pid " + pid);
      }
    }
  }

  private static String limitName(int resource) {
    return resource >= 0 && resource < LIMITS.size()
        ? "RLIMIT_" + LIMITS.get(resource)
        : "resource " + resource;
  }

  private static String text(long limit) {
    return limit == -1 ? "unlimited" : Long.toUnsignedString(limit);
  }

  private void checkOurs() {
    if (reaped) {
      throw new IllegalStateException("pid " + pid + " was reaped");
    }
  }

  /** Closes the pidfd. The child lives on, and is not reaped. */
  @Override
  public void close() {
    pidfd.close();
  }
}
