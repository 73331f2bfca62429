package dev.holdfast.broker.workers;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Asks a worker to end so that no connection is lost which it has accepted.
 *
 * <p>A process that handles the signal, or ignores it, gets it and has the rest in its own hands.
 * Where that is not the main process but one behind it (a wrapper such as sh or bwrap in front),
 * the outermost such ones get it, and the wrapper follows its program by itself: ended first, some
 * take their program with them at once. Where nobody handles it, the signal would end them wherever
 * they are: they are stopped, and get it only when none has a connection open; else they go on, and
 * it is tried again.
 *
 * <p>On the observer's thread. Owns its pidfds.
 */
final class QuietStop implements AutoCloseable {

  private static final Duration UNTIL_STOPPED = Duration.ofMillis(100);
  private static final Duration GRACE_OF_WRAPPER = Duration.ofMillis(250);
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(20);
  private static final int LONGEST_PAUSE = 20_000; // µs
  // One that is always busy has only short moments without a connection, and many of them.
  private static final int STOPS_AT_A_TIME = 8;
  private static final int SHORT_PAUSE = 200_000; // ns

  private final Pidfd main;
  private final int group;
  private final int signal;
  private final OpenConnections connections;
  private final Consumer<String> warn;
  private final Runnable asked;
  private final Random random = new Random();
  private final List<Pidfd> told = new ArrayList<>();
  private List<Integer> groupMembers = List.of();
  private volatile boolean hasAsked; // the observer's thread sets it, the loop's reads it
  private long toldEndedAt;
  private int tries;
  private int pause = 1_000; // µs

  /**
   * @param moved the main process; owned by this from now on
   * @param group its process group, 0 where only it and its descendants are to be signalled
   * @param asked run once, on the observer's thread, when a process has got the signal
   */
  QuietStop(
      Pidfd moved,
      int group,
      int signal,
      List<SocketIdentity> listeners,
      Consumer<String> warn,
      Runnable asked) {
    this.main = moved;
    this.group = group;
    this.signal = signal;
    this.connections = new OpenConnections(listeners);
    this.warn = warn;
    this.asked = asked;
  }

  /** One try. Says when the next is due; empty when nothing is left to do. */
  Optional<Duration> attempt() throws IOException {
    Optional<ProcessStat> stat = ProcessStat.of(main.pid());
    if (main.hasExited() || stat.isEmpty()) {
      return Optional.empty();
    }
    // One that somebody else has stopped can do nothing about its connections; it gets the signal
    // when it is continued.
    if (told.isEmpty() && (SignalActions.expects(main.pid(), signal) || stat.get().isStopped())) {
      send(main);
      nowAsked();
      return Optional.empty();
    }
    if (told.isEmpty() && tellHandlers()) {
      return Optional.of(BETWEEN_LOOKS);
    }
    if (!told.isEmpty()) {
      if (told.stream().anyMatch(each -> !each.hasExited())) {
        return Optional.of(BETWEEN_LOOKS);
      }
      if (toldEndedAt == 0) {
        toldEndedAt = System.nanoTime();
      }
      if (System.nanoTime() - toldEndedAt < GRACE_OF_WRAPPER.toNanos()) {
        return Optional.of(BETWEEN_LOOKS);
      }
    }
    return attemptAtQuietMoment();
  }

  // ---- (b): somebody behind the main process handles it

  private boolean tellHandlers() throws IOException {
    for (int pid : handlersBelow(main.pid(), new HashSet<>())) {
      try {
        Pidfd pidfd = Pidfd.open(pid);
        told.add(pidfd);
        send(pidfd);
        nowAsked();
      } catch (ErrnoException e) {
        if (!e.is(Errno.ESRCH)) {
          throw e;
        }
      }
    }
    return !told.isEmpty();
  }

  /** What a handler has started is its own business. */
  private List<Integer> handlersBelow(int pid, Set<Integer> seen) throws IOException {
    List<Integer> handlers = new ArrayList<>();
    for (int child : ProcessTree.childrenOf(pid)) {
      if (ProcessStat.of(child).filter(stat -> !stat.hasEnded()).isEmpty() || !seen.add(child)) {
        continue;
      }
      if (SignalActions.expects(child, signal)) {
        handlers.add(child);
      } else {
        handlers.addAll(handlersBelow(child, seen));
      }
    }
    return handlers;
  }

  // ---- (c): nobody does

  private Optional<Duration> attemptAtQuietMoment() throws IOException {
    if (tries++ == 0) {
      groupMembers = ProcessTree.ofGroup(group);
    }
    try {
      for (int i = 0; i < STOPS_AT_A_TIME; i++) {
        if (signalIfQuiet()) {
          return Optional.empty();
        }
        LockSupport.parkNanos(random.nextInt(SHORT_PAUSE));
      }
      return Optional.of(nextPause());
    } catch (Proc.NotAllowedException e) {
      warn.accept(
          "cannot see the connections of pid "
              + main.pid()
              + " ("
              + e.getMessage()
              + "): it gets its stop signal at once; with CAP_SYS_PTRACE the broker would wait"
              + " for a moment when it has none");
      try (FrozenTree tree = new FrozenTree(main, group, groupMembers)) {
        boolean unused = tree.stop(Duration.ZERO);
        tree.signal(signal);
        nowAsked();
      }
      return Optional.empty();
    }
  }

  /** Stops it for a fraction of a millisecond, and signals it when it has no connection then. */
  private boolean signalIfQuiet() throws IOException {
    try (FrozenTree tree = new FrozenTree(main, group, groupMembers)) {
      if (!tree.stop(UNTIL_STOPPED) || connections.isAnyIn(tree.pids())) {
        return false;
      }
      tree.signal(signal); // before it goes on: it runs no instruction more
      nowAsked();
      return true;
    }
  }

  /** 1, 2, 4 … 20 ms; not the same each time, lest it goes with the beat of the clients. */
  private Duration nextPause() {
    int now = pause;
    pause = Math.min(LONGEST_PAUSE, pause * 2);
    return Duration.ofNanos(1_000L * (now / 2 + random.nextInt(now)));
  }

  /** Whether the next try would fail as this one: EPERM, where we may not signal it. Says so. */
  boolean isHopeless(IOException e) {
    if (e instanceof ErrnoException refused && refused.is(Errno.EPERM)) {
      warn.accept(refused.getMessage());
      return true;
    }
    return false;
  }

  /** Whether a process has got the signal; any thread. */
  boolean hasAsked() {
    return hasAsked;
  }

  private void nowAsked() {
    if (!hasAsked) {
      hasAsked = true;
      asked.run();
    }
  }

  private void send(Pidfd pidfd) throws ErrnoException {
    try {
      pidfd.signal(signal);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ESRCH)) {
        throw e;
      }
    }
  }

  @Override
  public void close() {
    told.forEach(Pidfd::close);
    main.close();
  }
}
