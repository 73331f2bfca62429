package dev.holdfast.broker.workers;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Looks at one process, and all that it started, until one of them is seen waiting on a listener.
 *
 * <p>One that is busy may be running whenever we look. So it counts too that it has a connection
 * that it accepted.
 */
final class Observation {

  enum Outcome {
    SEEN,
    NOT_YET,
    /** The process has ended, or another has its pid. */
    GONE
  }

  private static final Duration[] FIRST_PAUSES = {
    Duration.ofMillis(2),
    Duration.ofMillis(4),
    Duration.ofMillis(8),
    Duration.ofMillis(16),
    Duration.ofMillis(32)
  };
  private static final Duration PAUSE = Duration.ofMillis(50);
  private static final Duration LATE_PAUSE = Duration.ofMillis(250);
  private static final Duration LATE = Duration.ofSeconds(10);
  private static final Duration PATIENCE = Duration.ofSeconds(1);
  private static final int COST_TIMES = 10; // look for no more than a tenth of the time
  private static final Duration LONGEST_REST = Duration.ofSeconds(1);

  private final LeaseId lease;
  private final int pid;
  private final long startTime;
  private final List<SocketIdentity> listeners;
  private final OpenConnections connections;
  private final long begun = System.nanoTime();
  private int looks;
  private long deniedSince;
  private @Nullable String denial;
  private boolean denialTold;

  private volatile boolean ended; // the loop's thread sets it, the observer's reads it

  /**
   * @throws Proc.NotAllowedException where we cannot even see that it is there
   */
  Observation(LeaseId lease, int pid, List<SocketIdentity> listeners) throws IOException {
    this.lease = lease;
    this.pid = pid;
    this.listeners = listeners;
    this.connections = new OpenConnections(listeners);
    Optional<ProcessStat> stat = ProcessStat.of(pid);
    if (stat.isEmpty() && lives(pid)) {
      throw new Proc.NotAllowedException("/proc is mounted with hidepid");
    }
    this.startTime = stat.map(ProcessStat::startTime).orElse(0L);
  }

  private static boolean lives(int pid) {
    try (Pidfd pidfd = Pidfd.open(pid)) {
      return !pidfd.hasExited();
    } catch (ErrnoException e) {
      return false;
    }
  }

  LeaseId lease() {
    return lease;
  }

  void end() {
    ended = true;
  }

  boolean hasEnded() {
    return ended;
  }

  /** On the observer's thread. */
  Outcome look() throws IOException {
    looks++;
    if (!isStillIt()) {
      return Outcome.GONE;
    }
    Set<Long> sockets = new HashSet<>();
    List<Integer> holders = new ArrayList<>();
    String denied = null;
    for (int each : ProcessTree.of(pid)) {
      try {
        Waiting.Look look = Waiting.at(each, listeners);
        if (look.waits()) {
          return Outcome.SEEN;
        }
        if (look.holds()) {
          sockets.addAll(look.sockets());
          holders.add(each);
        }
      } catch (Proc.NotAllowedException e) {
        if (ProcessStat.of(each).filter(stat -> !stat.hasEnded()).isPresent()) {
          denied = "pid " + each + " (" + e.getMessage() + ")";
        }
      }
    }
    note(denied);
    return hasAccepted(holders, sockets) ? Outcome.SEEN : Outcome.NOT_YET;
  }

  private void note(@Nullable String denied) {
    if (denied == null) {
      denial = null;
    } else {
      if (denial == null) {
        deniedSince = System.nanoTime();
      }
      denial = denied;
    }
  }

  /**
   * What could not be looked at for a while, said once. A moment does not count: between a change
   * of credentials and its program nobody may look into a process.
   */
  Optional<String> untoldDenial() {
    if (denial == null || denialTold || System.nanoTime() - deniedSince < PATIENCE.toNanos()) {
      return Optional.empty();
    }
    denialTold = true;
    return Optional.of(denial);
  }

  /**
   * Whether it has a connection that came by the listener: then it accepts, though it may not wait
   * at any moment at which it is looked at. What it had at the first look proves nothing: it may
   * have been given that.
   */
  private boolean hasAccepted(List<Integer> holders, Set<Long> sockets) throws IOException {
    if (looks == 1) {
      connections.ignore(sockets);
      return false;
    }
    return connections.isAnyIn(holders);
  }

  private boolean isStillIt() throws IOException {
    return ProcessStat.of(pid).filter(stat -> stat.startTime() == startTime).isPresent();
  }

  /** How long to wait before the next look, after one that took so long. */
  Duration nextPause(Duration cost) {
    Duration pause =
        looks <= FIRST_PAUSES.length
            ? FIRST_PAUSES[Math.max(looks, 1) - 1]
            : System.nanoTime() - begun > LATE.toNanos() ? LATE_PAUSE : PAUSE;
    Duration rest = cost.multipliedBy(COST_TIMES);
    Duration least = rest.compareTo(LONGEST_REST) < 0 ? rest : LONGEST_REST;
    return pause.compareTo(least) < 0 ? least : pause;
  }
}
