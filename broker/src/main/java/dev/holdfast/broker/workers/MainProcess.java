package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.WorkerExit;
import dev.holdfast.fd.Child;
import dev.holdfast.fd.Children;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.ProcessStart;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The process that stands for a worker: the child that the broker made, one that this started and
 * that took over, or one that another broker had made. Owns its pidfd, and the pid of a child: it
 * is not reaped before {@link #release}, so that until then pid and process group mean nobody else.
 * The loop's thread.
 */
final class MainProcess implements Signalled {

  private final int pid;
  private final int group;
  private final @Nullable Child child;
  private final Pidfd pidfd; // the child's own, where there is one
  private final long started;
  private final Child.Ended unknown; // what is said where nobody knows
  private boolean released;
  boolean watched; // by the poller

  private MainProcess(int group, @Nullable Child child, Pidfd pidfd, int unknown) {
    this.pid = pidfd.pid();
    this.group = group;
    this.child = child;
    this.pidfd = pidfd;
    this.started = ProcessStart.ticks(pid);
    this.unknown = new Child.Ended(unknown, 0);
  }

  /** The one that we made, which leads its group; ownership moves. */
  static MainProcess of(Child moved) {
    return new MainProcess(moved.pid(), moved, moved.pidfd(), 0);
  }

  /**
   * Another one; ownership moves.
   *
   * @param group its process group; 0 when that must not be signalled
   */
  static MainProcess of(Pidfd moved, int group) {
    return new MainProcess(group, null, moved, 0);
  }

  /** As the other one, for a process that another broker had started. */
  static MainProcess again(Pidfd moved, int group) {
    return new MainProcess(group, null, moved, WorkerExit.UNKNOWN);
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
    return pidfd.fd();
  }

  /** Still owned by this. */
  Pidfd pidfd() {
    return pidfd;
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
    // A zombie says how it ended, and its pidfd does once somebody has reaped it.
    OptionalInt status = pidfd.exitStatus();
    if (status.isEmpty()) {
      status =
          facts().filter(each -> !each.isAlive()).stream().mapToInt(ProcessFacts::status).findAny();
    }
    if (status.isEmpty()) {
      status = pidfd.exitStatus(); // it was reaped just now
    }
    if (status.isEmpty()) {
      return unknown;
    }
    int encoded = status.getAsInt();
    return new Child.Ended((encoded >> 8) & 0xff, encoded & 0x7f);
  }

  /** Of this very process; empty when it was reaped. */
  private Optional<ProcessFacts> facts() {
    return ProcessFacts.of(pid).filter(each -> each.started() == started);
  }

  /** Nobody else has the pid: a child of ours is not reaped, another is held by its pidfd. */
  @Override
  public Pidfd open() throws ErrnoException {
    Pidfd opened = Pidfd.open(pid);
    if (child == null && pidfd.hasExited()) {
      opened.close();
      throw new ErrnoException("pidfd_open", "pid " + pid, Errno.ESRCH);
    }
    return opened;
  }

  /** Signals the process itself. */
  void signal(int signo) throws ErrnoException {
    if (child != null) {
      child.signal(signo);
    } else {
      pidfd.signal(signo);
    }
  }

  /**
   * Signals the group of the child that we made, which may have ended itself. Of another one only
   * the process: see {@link #holdsGroup}.
   */
  void signalGroup(int signo) throws ErrnoException {
    if (child != null) {
      child.signalGroup(signo);
    } else {
      pidfd.signal(signo);
    }
  }

  /** Whether the number of its group is nobody else's until {@link #release}. */
  boolean holdsGroup() {
    return child != null;
  }

  /** Frees the pid; it must have ended. */
  void release() {
    if (!released) {
      released = true;
      if (child != null) {
        child.reap();
      } else if (facts().isPresent()) {
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
    } else {
      pidfd.close();
    }
  }
}
