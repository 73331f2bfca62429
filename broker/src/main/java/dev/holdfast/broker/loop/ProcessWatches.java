package dev.holdfast.broker.loop;

import dev.holdfast.broker.core.Event;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.LeaseId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Follows the processes that hold leases, one pidfd for each process however many leases it has.
 * Owns the pidfds.
 */
public final class ProcessWatches implements AutoCloseable {

  private static final class Followed {
    final Pidfd pidfd;
    final Set<LeaseId> leases = new LinkedHashSet<>(2);

    Followed(Pidfd pidfd) {
      this.pidfd = pidfd;
    }
  }

  private final Map<LeaseId, Followed> byLease = new HashMap<>();
  private final Map<Integer, Followed> byPid = new HashMap<>();
  private final Poller poller;
  private final Consumer<Event> events;

  public ProcessWatches(Poller poller, Consumer<Event> events) {
    this.poller = poller;
    this.events = events;
  }

  /**
   * Tells {@link Event.HolderGone} when the process has ended, at once if it has already. Ownership
   * of the pidfd moves here in any case.
   */
  public void follow(LeaseId lease, Pidfd moved) {
    if (moved.hasExited()) {
      moved.close();
      events.accept(new Event.HolderGone(lease));
      return;
    }
    // Processes outside our pid namespace all have the pid 0: none of them is known by it.
    Followed followed = moved.pid() > 0 ? byPid.get(moved.pid()) : null;
    // Two living processes never have one pid: if neither has ended, they are the same one. Only 0
    // is the pid of all those that are outside our pid namespace, and is not in the map.
    if (followed != null && !followed.pidfd.hasExited()) {
      moved.close();
    } else {
      followed = new Followed(moved);
      Followed added = followed;
      try {
        poller.add(moved.fd(), Poller.READABLE, (Watcher) ready -> ended(added));
      } catch (ErrnoException e) {
        moved.close();
        events.accept(
            new Event.Warned(null, "cannot follow pid " + moved.pid() + ": " + e.getMessage()));
        events.accept(new Event.HolderGone(lease));
        return;
      }
      if (moved.pid() > 0) {
        byPid.put(moved.pid(), followed);
      }
    }
    followed.leases.add(lease);
    byLease.put(lease, followed);
  }

  /** A pidfd of the process behind a lease, owned by the caller; empty when it is not followed. */
  public Optional<Pidfd> dup(LeaseId lease) {
    Followed followed = byLease.get(lease);
    try {
      return followed == null ? Optional.empty() : Optional.of(followed.pidfd.dup());
    } catch (ErrnoException e) {
      events.accept(
          new Event.Warned(
              null, "pid " + followed.pidfd.pid() + " cannot be signalled: " + e.getMessage()));
      return Optional.empty();
    }
  }

  /** The pidfds of all leases that follow a process; still owned by this. */
  public Map<LeaseId, Pidfd> followed() {
    Map<LeaseId, Pidfd> all = new HashMap<>();
    byLease.forEach((lease, followed) -> all.put(lease, followed.pidfd));
    return all;
  }

  private void ended(Followed followed) {
    List<LeaseId> leases = new ArrayList<>(followed.leases);
    stop(followed);
    for (LeaseId lease : leases) {
      byLease.remove(lease);
      events.accept(new Event.HolderGone(lease));
    }
  }

  /** The lease has ended; its process is forgotten with the last of its leases. */
  public void unfollow(LeaseId lease) {
    Followed followed = byLease.remove(lease);
    if (followed != null && followed.leases.remove(lease) && followed.leases.isEmpty()) {
      stop(followed);
    }
  }

  private void stop(Followed followed) {
    byPid.remove(followed.pidfd.pid(), followed);
    try {
      poller.remove(followed.pidfd.fd());
    } catch (ErrnoException e) {
      events.accept(
          new Event.Warned(null, "forgetting pid " + followed.pidfd.pid() + ": " + e.getMessage()));
    }
    followed.leases.clear();
    followed.pidfd.close();
  }

  @Override
  public void close() {
    byLease.values().forEach(followed -> followed.pidfd.close());
    byPid.clear();
    byLease.clear();
  }
}
