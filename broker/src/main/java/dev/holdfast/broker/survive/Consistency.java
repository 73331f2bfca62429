package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.LeaseState;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Leaves those entries of which each stands on others that are there: a batch that was torn, or a
 * line that could not be read, must not reach the core as a state that never was.
 */
final class Consistency {

  private final Consumer<String> problems;
  private final Set<ListenerName> listeners = new HashSet<>();
  private final Set<Long> sockets = new HashSet<>();
  private final Set<String> services = new HashSet<>();
  private final Map<LeaseId, Long> leases = new HashMap<>();
  private final Map<Long, Entry.OfWorker> workers = new HashMap<>();
  private final Set<Long> deposits = new HashSet<>();
  private long lastWorker;

  private Consistency(Consumer<String> problems) {
    this.problems = problems;
  }

  /**
   * Drops what cannot be, each with a sentence.
   *
   * @param entries with unlike keys, in the order of their kinds
   */
  static List<Entry> check(List<Entry> entries, Consumer<String> problems) {
    return new Consistency(problems).check(entries);
  }

  private List<Entry> check(List<Entry> entries) {
    for (Entry entry : entries) {
      if (entry instanceof Entry.OfLease lease) {
        leases.put(lease.lease(), lease.worker());
        lastWorker = Math.max(lastWorker, lease.worker());
      } else if (entry instanceof Entry.OfWorker worker) {
        workers.put(worker.worker(), worker);
        lastWorker = Math.max(lastWorker, worker.worker());
      } else if (entry instanceof Entry.OfBroker broker) {
        lastWorker = Math.max(lastWorker, broker.lastWorker());
      }
    }
    List<Entry> kept = new ArrayList<>(entries.size() + 1);
    if (!entries.isEmpty()) {
      kept.add(new Entry.OfBroker(lastWorker));
    }
    for (Entry entry : entries) {
      Entry whole = whole(entry);
      if (whole != null) {
        kept.add(whole);
      }
    }
    return kept;
  }

  private @Nullable Entry whole(Entry entry) {
    if (entry instanceof Entry.OfListener listener) {
      return listener(listener);
    } else if (entry instanceof Entry.OfService service) {
      services.add(service.name());
      return service;
    } else if (entry instanceof Entry.OfLease lease) {
      return lease(lease);
    } else if (entry instanceof Entry.OfWorker worker) {
      return isWhole(worker) ? worker : dropped(worker, "its service or its lease is missing");
    } else if (entry instanceof Entry.OfDeposit deposit) {
      return deposits.add(deposit.descriptor())
          ? deposit
          : dropped(deposit, "its descriptor is another's");
    }
    return null; // the broker's own is there already
  }

  private @Nullable Entry listener(Entry.OfListener listener) {
    List<BoundSocket> own =
        Stream.of(listener.socket(), listener.companion()).flatMap(Stream::ofNullable).toList();
    if (listener.socket() == null && listener.companion() != null) {
      return dropped(listener, "it has a companion socket and no socket");
    }
    Set<Long> ids = new HashSet<>();
    for (BoundSocket socket : own) {
      if (!ids.add(socket.id()) || sockets.contains(socket.id())) {
        return dropped(listener, "its socket is another's");
      }
    }
    sockets.addAll(ids);
    listeners.add(listener.name());
    return listener;
  }

  /**
   * A lease may outlive a listener: who had it before it was bound anew, and was then removed from
   * the configuration, serves the old socket. Dropped for that, its worker would run on unwatched.
   */
  private @Nullable Entry lease(Entry.OfLease lease) {
    if (lease.state() == LeaseState.REVOKED) {
      return dropped(lease, "it has ended");
    }
    Entry.OfWorker worker = workers.get(lease.worker());
    if (lease.worker() != 0 && (worker == null || !isWhole(worker))) {
      return dropped(lease, "its worker is missing");
    }
    Event.Acquire request = lease.request();
    List<ListenerName> known =
        request.names().stream()
            .filter(name -> listeners.contains(name) || lease.former().contains(name))
            .toList();
    if (known.size() == request.names().size()) {
      return lease;
    }
    for (ListenerName name : request.names()) {
      if (!known.contains(name)) {
        problems.accept(describe(lease) + " names listener " + name + ", which is not there");
      }
    }
    if (known.isEmpty() && lease.worker() == 0) {
      return dropped(lease, "it names no listener that is there");
    }
    return new Entry.OfLease(
        lease.lease(),
        new Event.Acquire(
            request.caller(),
            known,
            request.hold(),
            request.service(),
            request.replace(),
            request.program(),
            request.stopSignal()),
        lease.worker(),
        lease.pid(),
        lease.state(),
        lease.deadline(),
        lease.since(),
        lease.asked(),
        lease.awaited(),
        lease.former());
  }

  private boolean isWhole(Entry.OfWorker worker) {
    Long of = leases.get(worker.lease());
    if (of == null && worker.state() == WorkerState.STOPPING) {
      return services.contains(worker.service()); // its lease may end before its process does
    }
    return of != null && of == worker.worker() && services.contains(worker.service());
  }

  private @Nullable Entry dropped(Entry entry, String reason) {
    problems.accept(describe(entry) + " is not remembered: " + reason);
    return null;
  }

  private static String describe(Entry entry) {
    return EntryText.word(entry.key().kind()) + " " + entry.key().name();
  }
}
