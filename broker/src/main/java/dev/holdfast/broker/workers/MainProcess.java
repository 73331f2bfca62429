package dev.holdfast.broker.workers;

import dev.holdfast.fd.Child;
import dev.holdfast.fd.Children;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import org.jspecify.annotations.Nullable;

/**
 * The process that stands for a worker: the child that the broker made, or one that this started
 * and that took over. Owns its pidfd, and the pid of the child: it is not reaped before {@link
 * #release}, so that until then pid and process group mean nobody else. The loop's thread.
 */
final class MainProcess implements Signalled {

  private final int pid;
  private final int group;
  private final OwnedFd fd;
  private final @Nullable Child child;
  private final @Nullable Pidfd pidfd;
  private boolean released;
  boolean watched; // by the poller

  private MainProcess(
      int pid, int group, OwnedFd fd, @Nullable Child child, @Nullable Pidfd pidfd) {
    this.pid = pid;
    this.group = group;
    this.fd = fd;
    this.child = child;
    this.pidfd = pidfd;
  }

  /** The one that we made, which leads its group; ownership moves. */
  static MainProcess of(Child moved) {
    return new MainProcess(moved.pid(), moved.pid(), moved.fd(), moved, null);
  }

  /**
   * Another one; ownership moves.
   *
   * @param group its process group; 0 when that must not be signalled
   */
  static MainProcess of(Pidfd moved, int group) {
    return new MainProcess(moved.pid(), group, moved.fd(), null, moved);
  }

  @Override
  public int pid() {
    return pid;
  }

  @Override
  public int group() {
    return group;
  }

  /** Readable when it has ended; still owned by this. */
  OwnedFd fd() {
    return fd;
  }

  /** How it ended, when it has. */
  Child.Ended ended() {
    if (child != null) {
      try {
        return child.ended().orElseThrow();
      } catch (ErrnoException e) {
        return new Child.Ended(0, 0); // ECHILD: it was reaped by another hand
      }
    }
    // A zombie says how it ended, if its parent has left it.
    int status =
        ProcessFacts.of(pid).filter(facts -> !facts.isAlive()).map(ProcessFacts::status).orElse(0);
    return new Child.Ended((status >> 8) & 0xff, status & 0x7f);
  }

  /** Nobody else has the pid: a child of ours is not reaped, another is held by its pidfd. */
  @Override
  public Pidfd open() throws ErrnoException {
    Pidfd opened = Pidfd.open(pid);
    if (pidfd != null && pidfd.hasExited()) {
      opened.close();
      throw new ErrnoException("pidfd_open", "pid " + pid, Errno.ESRCH);
    }
    return opened;
  }

  /** Signals the process itself. */
  void signal(int signo) throws ErrnoException {
    if (child != null) {
      child.signal(signo);
    } else if (pidfd != null) {
      pidfd.signal(signo);
    }
  }

  /** Signals the group of the child that we made, which may have ended itself. */
  void signalGroup(int signo) throws ErrnoException {
    if (child != null) {
      child.signalGroup(signo);
    }
  }

  /** Frees the pid; it must have ended. */
  void release() {
    if (!released) {
      released = true;
      if (child != null) {
        child.reap();
      } else {
        Children.reap(pid); // it may have become a child of ours
      }
      closeFd();
    }
  }

  /** Lets it live on; whoever is its parent then reaps it. */
  void letGo() {
    released = true;
    closeFd();
  }

  private void closeFd() {
    if (child != null) {
      child.close();
    } else if (pidfd != null) {
      pidfd.close();
    }
  }
}
