package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.FakeWorld.require;

import dev.holdfast.listener.LeaseId;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What must hold when a broker takes the place of another. */
final class RestartChecks {

  private RestartChecks() {}

  /** Nothing is done before the new broker is the one that acts, but that what lives is watched. */
  static void checkOnlyWatches(List<Effect> effects) {
    for (Effect effect : effects) {
      require(
          effect instanceof Effect.FollowAgain
              || effect instanceof Effect.AdoptWorker
              || effect instanceof Effect.Audit
              || effect instanceof Effect.AwaitConnection
              || effect instanceof Effect.Observe
              || effect instanceof Effect.Log,
          "what is remembered changes nothing in the world: " + effect);
    }
  }

  /** What was written is known again, but for what is known to be gone. */
  static void checkRemembered(List<Entry> written, List<Entry> now, Survivors survivors) {
    Map<Entry.Key, Entry> before = comparable(written, survivors);
    Map<Entry.Key, Entry> after = comparable(now, survivors);
    Set<LeaseId> never = new HashSet<>();
    for (Entry each : written) {
      if (each instanceof Entry.OfWorker worker && worker.pid() == 0) {
        before.remove(worker.key());
        never.add(worker.lease());
      }
    }
    before
        .values()
        .removeIf(each -> each instanceof Entry.OfLease lease && never.contains(lease.lease()));
    before
        .values()
        .removeIf(
            each ->
                each instanceof Entry.OfDeposit deposit
                    && !survivors.deposits().contains(deposit.descriptor()));
    FakeJournal.requireEqual(before, after, "what was written is remembered");
  }

  /** Without what a new broker may count anew. */
  private static Map<Entry.Key, Entry> comparable(List<Entry> entries, Survivors survivors) {
    Map<Entry.Key, Entry> result = FakeJournal.byKey(entries);
    result.remove(Entry.OfBroker.KEY);
    result.replaceAll(
        (key, entry) -> {
          if (entry instanceof Entry.OfListener listener) {
            return new Entry.OfListener(
                listener.name(),
                listener.config(),
                listener.configured(),
                there(listener.socket(), survivors),
                there(listener.companion(), survivors),
                listener.healed(),
                listener.flagsRestored(),
                listener.backlogRestored());
          } else if (entry instanceof Entry.OfService service) {
            return withoutMoments(service, survivors.handedOver());
          } else if (entry instanceof Entry.OfLease lease && !survivors.handedOver()) {
            return withoutConnection(lease);
          } else if (entry instanceof Entry.OfWorker worker && !survivors.handedOver()) {
            return withoutFailure(worker);
          }
          return entry;
        });
    return result;
  }

  private static Entry withoutMoments(Entry.OfService of, boolean handedOver) {
    return new Entry.OfService(
        of.name(),
        of.running(),
        of.wanted(),
        of.count(),
        of.generation(),
        of.lastGeneration(),
        of.stopped(),
        of.removed(),
        of.demanded(),
        handedOver ? of.lastConnection() : Instant.EPOCH,
        of.failures(),
        of.nextStart().map(at -> handedOver ? at : Instant.EPOCH),
        of.restarts(),
        of.message(),
        of.rollout(),
        of.rolloutFailed(),
        of.outdated(),
        of.operation());
  }

  private static Entry withoutConnection(Entry.OfLease of) {
    Event.Acquire request = of.request();
    Caller caller = request.caller();
    return new Entry.OfLease(
        of.lease(),
        new Event.Acquire(
            new Caller(0, caller.pid(), caller.uid(), caller.gid(), caller.groups()),
            request.names(),
            request.hold(),
            request.service(),
            request.replace(),
            request.program(),
            request.stopSignal()),
        of.worker(),
        of.pid(),
        of.state(),
        of.deadline(),
        of.since(),
        of.asked(),
        of.awaited(),
        of.former());
  }

  /** One that was not ready in time gets its time anew: what it wrote last is not known. */
  private static Entry withoutFailure(Entry.OfWorker of) {
    boolean starts = of.state() == WorkerState.STARTING && !of.killed();
    return new Entry.OfWorker(
        of.worker(),
        of.service(),
        of.generation(),
        of.config(),
        of.lease(),
        of.since(),
        of.pid(),
        of.state(),
        of.readyAt(),
        of.settled(),
        of.killed(),
        of.abandoned(),
        starts ? null : of.failure(),
        of.status(),
        of.asked());
  }

  private static @Nullable BoundSocket there(@Nullable BoundSocket socket, Survivors survivors) {
    return socket != null && survivors.sockets().contains(socket.id()) ? socket : null;
  }

  /** Those of the services whose processes live. */
  static Answer.Listing alive(Answer.Listing listing, Set<Long> workers) {
    return new Answer.Listing(
        listing.listeners(),
        listing.leases(),
        listing.stored(),
        listing.services().stream()
            .map(
                each ->
                    new Answer.ServiceView(
                        each.name(),
                        each.state(),
                        each.workers(),
                        each.ready(),
                        each.generation(),
                        each.restarts(),
                        each.changed(),
                        each.nextStart(),
                        each.message(),
                        each.listeners(),
                        each.processes().stream()
                            .filter(one -> workers.contains(one.worker()))
                            .toList()))
            .toList());
  }

  /** What survived is what it was, and nothing else was made in its place. */
  static void checkResumed(
      List<Entry> written,
      FakeWorld.Inheritance from,
      Answer.Listing remembered,
      Answer.Listing now,
      List<Effect> effects,
      FakeWorld world) {
    Survivors survivors = from.survivors();
    checkSockets(written, survivors, now);
    Map<String, Answer.ServiceView> services = new HashMap<>();
    now.services().forEach(each -> services.put(each.name(), each));
    for (Answer.ServiceView was : remembered.services()) {
      Answer.ServiceView is = services.get(was.name());
      if (is != null
          && survivors.lost().isEmpty()
          && !ServiceChecks.isOnDemand(was, world)
          && !ServiceChecks.isOnDemand(is, world)) {
        checkServing(was, is);
      }
    }
    if (from.undisturbed()) {
      checkUndisturbed(remembered, services, effects);
    }
    if (survivors.lost().isEmpty()) {
      checkStartsAreNoFailures(written, survivors, services);
    }
    checkAsked(written, survivors, effects, world);
  }

  /** Every socket that is held is that of its listener. */
  private static void checkSockets(
      List<Entry> written, Survivors survivors, Answer.Listing listing) {
    Map<String, Answer.ListenerView> listeners = new HashMap<>();
    listing.listeners().forEach(each -> listeners.put(each.name().value(), each));
    for (Entry each : written) {
      if (each instanceof Entry.OfListener was) {
        Answer.ListenerView is = listeners.get(was.name().value());
        if (is == null) {
          throw new IllegalStateException("broken: a listener is forgotten: " + was);
        }
        BoundSocket main = there(was.socket(), survivors);
        BoundSocket beside = there(was.companion(), survivors);
        require(main == null || main.equals(is.socket()), "a listener keeps its socket: " + was);
        require(
            main == null || beside == null || beside.equals(is.companion()),
            "a listener keeps its companion: " + was);
      }
    }
  }

  /** As many serve as served, or as many as there are to be. */
  private static void checkServing(Answer.ServiceView was, Answer.ServiceView is) {
    if (!Set.of("running", "starting", "restarting", "failing").contains(was.state())) {
      return;
    }
    long before =
        was.processes().stream().filter(each -> each.state() == WorkerState.READY).count();
    long after = is.processes().stream().filter(each -> each.state() == WorkerState.READY).count();
    require(
        after >= Math.min(before, was.workers()),
        "no more workers end than had ended: " + was + " became " + is);
  }

  /** Nobody ended: nobody is started or asked to finish who was not before. */
  private static void checkUndisturbed(
      Answer.Listing remembered, Map<String, Answer.ServiceView> services, List<Effect> effects) {
    for (Effect effect : effects) {
      require(
          !(effect instanceof Effect.Spawn),
          "no worker is started anew when all are alive: " + effect);
    }
    for (Answer.ServiceView was : remembered.services()) {
      Answer.ServiceView is = services.get(was.name());
      require(
          is == null ? was.processes().isEmpty() : was.processes().equals(is.processes()),
          "workers are what they were: " + was + " became " + is);
      require(
          is == null || was.state().equals(is.state()),
          "a service is what it was: " + was + " became " + is);
    }
  }

  /** A start that was cut off is no failure. */
  private static void checkStartsAreNoFailures(
      List<Entry> written, Survivors survivors, Map<String, Answer.ServiceView> services) {
    Map<String, Integer> died = new HashMap<>();
    for (Entry each : written) {
      if (each instanceof Entry.OfWorker worker
          && worker.pid() != 0
          && worker.state() == WorkerState.READY
          && !survivors.workers().contains(worker.worker())) {
        died.merge(worker.service(), 1, Integer::sum);
      }
    }
    for (Entry each : written) {
      if (each instanceof Entry.OfService was && !died.containsKey(was.name())) {
        Answer.ServiceView is = services.get(was.name());
        require(
            is == null || is.restarts() == was.restarts() || was.outdated() || hasNoSocket(is),
            "a start that was cut off is no failure: " + was + " became " + is);
      }
    }
  }

  /** Another cannot be started. */
  private static boolean hasNoSocket(Answer.ServiceView service) {
    String message = String.valueOf(service.message());
    return message.endsWith("has no socket to pass") || message.startsWith("no listener is named");
  }

  /** Who was to finish is asked, unless it was already; who starts is looked at. */
  private static void checkAsked(
      List<Entry> written, Survivors survivors, List<Effect> effects, FakeWorld world) {
    Map<LeaseId, Entry.OfLease> leases = new HashMap<>();
    for (Entry each : written) {
      if (each instanceof Entry.OfLease lease) {
        leases.put(lease.lease(), lease);
        boolean follows =
            lease.worker() == 0
                && world.leases.containsKey(lease.lease())
                && survivors.leases().contains(lease.lease());
        if (follows
            && lease.state() == LeaseState.DRAINING
            && !lease.asked()
            && lease.request().stopSignal() != 0
            && !survivors.handedOver()) {
          require(
              world.stopped.contains(lease.lease()) != lease.awaited(),
              "a holder is asked again, unless it will hear of it: " + lease);
        }
        if (follows && lease.asked()) {
          require(!world.stopped.contains(lease.lease()), "a holder is asked once: " + lease);
        }
      }
    }
    for (Entry each : written) {
      if (each instanceof Entry.OfWorker worker
          && survivors.workers().contains(worker.worker())
          && !worker.killed()) {
        Entry.OfLease lease = leases.get(worker.lease());
        if (worker.state() == WorkerState.STOPPING
            && lease != null
            && !lease.asked()
            && !survivors.handedOver()) {
          boolean isAsked =
              effects.stream()
                  .anyMatch(
                      effect ->
                          (effect instanceof Effect.StopWorker stop
                                  && stop.worker() == worker.worker())
                              || (effect instanceof Effect.KillWorker kill
                                  && kill.worker() == worker.worker()));
          require(
              isAsked != lease.awaited(),
              "a worker is asked again, unless it will hear of it: " + worker);
        }
        if (worker.state() == WorkerState.STARTING
            && worker.config().ready().when() != ReadyWhen.EXEC
            && (!survivors.handedOver() || worker.config().ready().when() == ReadyWhen.ACCEPTING)) {
          require(
              effects.stream()
                  .anyMatch(
                      effect ->
                          (effect instanceof Effect.Observe look
                                  && look.lease().equals(worker.lease()))
                              || (effect instanceof Effect.StopWorker stop
                                  && stop.worker() == worker.worker())),
              "a worker that starts is looked at: " + worker);
        }
      }
    }
  }
}
