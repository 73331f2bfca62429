package dev.holdfast.agent;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Poller;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The one daemon thread that watches over all leases of the process. It waits in epoll, for ever
 * while the brokers are there, and ends with the last lease.
 */
final class LeaseKeeper {

  static final LeaseKeeper OF_PROCESS = new LeaseKeeper();

  private static final System.Logger LOG = System.getLogger(Lease.class.getName());

  private final Set<KeptLease> posted = new LinkedHashSet<>(); // guarded by this
  private @Nullable Poller poller; // guarded by this; null while no thread runs

  /** Has the thread look at this lease: it is new, or somebody wants something of it. */
  synchronized void look(KeptLease lease) {
    Poller running = poller;
    if (running == null) {
      try {
        running = Poller.open();
      } catch (ErrnoException e) {
        LOG.log(
            Level.WARNING,
            "{0} is not watched: it will not hear of drains, nor find the broker again: {1}",
            lease,
            e.getMessage());
        return;
      }
      poller = running;
      Poller mine = running;
      // No inheritable thread locals: they would be the first caller's, for ever.
      Thread thread = new Thread(null, () -> run(mine), "holdfast-lease", 0, false);
      thread.setDaemon(true);
      thread.start();
    }
    posted.add(lease);
    running.wake();
  }

  private void run(Poller mine) {
    Set<KeptLease> leases = new LinkedHashSet<>();
    while (true) {
      Set<KeptLease> active = new LinkedHashSet<>();
      try {
        for (Poller.Ready ready : mine.await(untilNext(leases))) {
          KeptLease lease = (KeptLease) ready.attachment();
          active.add(lease);
          guarded(lease, () -> lease.receive(mine));
        }
      } catch (ErrnoException e) { // EBADF and the like, which would be a bug of this process
        LOG.log(Level.ERROR, "leases are not watched any more: {0}", e.getMessage());
        return;
      }
      active.addAll(taken());
      leases.addAll(active);
      long now = System.nanoTime();
      for (KeptLease lease : List.copyOf(leases)) {
        if (active.contains(lease) || lease.isDue(now)) {
          guarded(lease, () -> lease.advance(mine));
        }
        if (lease.isOver()) {
          leases.remove(lease);
        }
      }
      if (leases.isEmpty() && ended(mine)) {
        return;
      }
    }
  }

  private static void guarded(KeptLease lease, Runnable step) {
    try {
      step.run();
    } catch (Throwable e) { // the boundary of one lease: a failing logger must not end the others'
      lease.stumbled(e);
    }
  }

  private static @Nullable Duration untilNext(Set<KeptLease> leases) {
    long now = System.nanoTime();
    return leases.stream()
        .map(lease -> lease.untilDue(now))
        .flatMap(Optional::stream)
        .min(Duration::compareTo)
        .orElse(null);
  }

  private synchronized List<KeptLease> taken() {
    List<KeptLease> result = new ArrayList<>(posted);
    posted.clear();
    return result;
  }

  private synchronized boolean ended(Poller mine) {
    if (!posted.isEmpty()) {
      return false;
    }
    poller = null;
    mine.close(); // in here, so that nobody wakes a closed one
    return true;
  }
}
