package dev.holdfast.broker.workers;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * A process and what belongs to it, stopped by SIGSTOP until {@link #close}, which continues what
 * was stopped here and nothing else: one that an operator had stopped stays so.
 *
 * <p>Signals go through pidfds, never by a number that may belong to somebody else by now. Owns
 * them, except the main one.
 */
final class FrozenTree implements AutoCloseable {

  private static final int SIGCONT = 18;
  private static final int SIGSTOP = 19;
  private static final char STOPPED = 'T'; // a debugger's stop is another thing
  private static final long BETWEEN_LOOKS = 30_000; // ns; a thread stops when it leaves the kernel

  private record Member(Pidfd pidfd, boolean stoppedByUs) {}

  private final Map<Integer, Member> members = new LinkedHashMap<>();
  private final Pidfd main;
  private final int group;
  private final List<Integer> groupMembers;

  /**
   * Stops nothing yet.
   *
   * @param main borrowed
   * @param groupMembers processes that were seen in the group, besides the descendants
   */
  FrozenTree(Pidfd main, int group, List<Integer> groupMembers) {
    this.main = main;
    this.group = group;
    this.groupMembers = groupMembers;
  }

  /**
   * Stops them all. False when that was not done in the time: a thread does not stop while it is in
   * an uninterruptible sleep.
   */
  boolean stop(Duration atMost) throws IOException {
    long deadline = System.nanoTime() + atMost.toNanos();
    boolean more = addNew();
    while (more) {
      while (!allStopped()) {
        if (System.nanoTime() - deadline > 0 || Thread.currentThread().isInterrupted()) {
          return false;
        }
        LockSupport.parkNanos(BETWEEN_LOOKS);
      }
      more = addNew(); // one may have forked just before it stopped
    }
    return true;
  }

  private boolean addNew() throws IOException {
    Set<Integer> all = new LinkedHashSet<>(ProcessTree.of(main.pid()));
    all.addAll(groupMembers);
    boolean added = false;
    for (int pid : all) {
      if (!members.containsKey(pid)) {
        added |= add(pid);
      }
    }
    return added;
  }

  private boolean add(int pid) throws IOException {
    Pidfd pidfd;
    try {
      pidfd = pid == main.pid() ? main : Pidfd.open(pid);
    } catch (ErrnoException e) {
      if (e.is(Errno.ESRCH)) {
        return false;
      }
      throw e;
    }
    boolean added = false;
    try {
      // Read after the pidfd was opened: the pid may have been given to somebody else before.
      Optional<ProcessStat> stat = ProcessStat.of(pid);
      if (stat.isPresent() && !stat.get().hasEnded() && belongs(pid, stat.get())) {
        boolean stopped = stat.get().isStopped();
        members.put(pid, new Member(pidfd, !stopped)); // before the signal: close() must find it
        added = true;
        if (!stopped) {
          send(pidfd, SIGSTOP);
        }
      }
      return added;
    } finally {
      if (!added && pidfd != main) {
        pidfd.close();
      }
    }
  }

  private boolean belongs(int pid, ProcessStat stat) {
    return pid == main.pid()
        || members.containsKey(stat.parent())
        || (group > 0 && stat.group() == group);
  }

  private boolean allStopped() throws IOException {
    for (int pid : members.keySet()) {
      for (int thread : Proc.numbers("/proc/" + pid + "/task")) {
        Optional<ProcessStat> stat = ProcessStat.ofThread(pid, thread);
        if (stat.isPresent() && !stat.get().hasEnded() && "Tt".indexOf(stat.get().state()) < 0) {
          return false;
        }
      }
    }
    return true;
  }

  Set<Integer> pids() {
    return members.keySet();
  }

  /**
   * Continues what of these is stopped: for a broker that was killed between stopping and
   * continuing.
   *
   * @param main borrowed
   * @param group its process group; 0 where it is not a group of its own
   */
  static void thaw(Pidfd main, int group) throws IOException {
    Set<Integer> all = new LinkedHashSet<>(ProcessTree.of(main.pid()));
    all.addAll(ProcessTree.ofGroup(group));
    if (main.hasExited()) {
      return; // its pid, and then its group, may be somebody else's
    }
    for (int pid : all) {
      Optional<ProcessFacts> facts = ProcessFacts.of(pid);
      if (facts.isPresent() && facts.get().state() == STOPPED) {
        facts.get().signal(SIGCONT);
      }
    }
  }

  /** To all of them; it acts when they go on. */
  void signal(int signo) throws ErrnoException {
    for (Member member : members.values()) {
      send(member.pidfd(), signo);
    }
  }

  private static void send(Pidfd pidfd, int signo) throws ErrnoException {
    try {
      pidfd.signal(signo);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ESRCH)) {
        throw e;
      }
    }
  }

  @Override
  public void close() {
    for (Member member : members.values()) {
      try {
        if (member.stoppedByUs()) {
          send(member.pidfd(), SIGCONT);
        }
      } catch (ErrnoException e) {
        // Whom we may not continue we could not stop either.
      } finally {
        if (member.pidfd() != main) {
          member.pidfd().close();
        }
      }
    }
    members.clear();
  }
}
