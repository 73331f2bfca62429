package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.FakeWorld.require;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What must hold of services: between two steps, and when nothing fails any more. */
final class ServiceChecks {

  static final Duration DELAY = Duration.ofMillis(100);
  static final Duration LONGEST = Duration.ofMillis(1600);

  private static final String REPLACED = "replaced by generation ";

  private ServiceChecks() {}

  /** What holds at any time, whatever is still on its way. */
  static void check(Answer.Listing before, Answer.Listing after, FakeWorld world, Instant now) {
    Set<Long> known = new HashSet<>();
    Map<String, Answer.ServiceView> earlier =
        before.services().stream()
            .collect(Collectors.toMap(Answer.ServiceView::name, each -> each));
    Set<LeaseId> leases = world.leases.keySet();
    for (Answer.ServiceView service : after.services()) {
      for (Answer.WorkerView worker : service.processes()) {
        require(known.add(worker.worker()), "a worker has one service");
        checkWorker(worker, leases, world);
      }
      Answer.ServiceView was = earlier.get(service.name());
      if (world.spawned && !world.several) {
        checkCount(was, service, world, now);
      }
      if (was != null && !world.several && !world.notices.isEmpty()) {
        checkDrained(was, service, world, now);
      }
    }
    require(
        known.equals(world.workers.processes.keySet()), "processes are workers, and the reverse");
    Set<Long> leased = new HashSet<>();
    for (FakeWorld.Grant grant : world.leases.values()) {
      require(grant.worker == 0 || leased.add(grant.worker), "a worker has one lease");
    }
    require(known.containsAll(leased), "the lease of a worker ends with it");
  }

  private static void checkWorker(Answer.WorkerView worker, Set<LeaseId> leases, FakeWorld world) {
    FakeWorkers.Program process = world.workers.processes.get(worker.worker());
    if (process == null) {
      throw new IllegalStateException("broken: a worker without a process: " + worker);
    }
    require(process.order.lease().equals(worker.lease()), "a worker keeps its lease");
    require(
        worker.state() == WorkerState.STOPPING || leases.contains(worker.lease()),
        "a worker has a lease until it is to end");
  }

  /** At the moment at which a worker starts there are not more than there may be. */
  private static void checkCount(
      Answer.@org.jspecify.annotations.Nullable ServiceView was,
      Answer.ServiceView service,
      FakeWorld world,
      Instant now) {
    Set<Long> old =
        was == null
            ? Set.of()
            : was.processes().stream().map(Answer.WorkerView::worker).collect(Collectors.toSet());
    for (Answer.WorkerView worker : service.processes()) {
      if (old.contains(worker.worker()) || worker.state() == WorkerState.STOPPING) {
        continue;
      }
      if (worker.generation() > service.generation() && service.state().equals("restarting")) {
        int surge = world.workers.program(worker.worker()).version.surge();
        // It may have been started before a reload lowered the number, in the same step.
        int count = was == null ? service.workers() : Math.max(was.workers(), service.workers());
        int most = count + (world.allAtOnce.contains(service.name()) ? count : surge);
        require(
            present(service, world, now) <= most,
            "no more processes than count and surge: " + service);
      } else if (worker.state() != WorkerState.STOPPING && !service.state().equals("restarting")) {
        require(
            service.processes().stream()
                    .filter(each -> each.state() != WorkerState.STOPPING)
                    .count()
                <= service.workers(),
            "no more workers than there are to be");
      }
    }
  }

  private static long present(Answer.ServiceView service, FakeWorld world, Instant now) {
    return service.processes().stream()
        .filter(each -> !world.workers.program(each.worker()).isAbandoned(now))
        .count();
  }

  /**
   * A rollout drains an old worker that is ready only when, besides it, as many as there are to be
   * serve: old ones that are ready, and new ones that have been ready for as long as they have to.
   * Those that go in the same step for another reason still served when it decided.
   */
  private static void checkDrained(
      Answer.ServiceView was, Answer.ServiceView service, FakeWorld world, Instant now) {
    Set<String> replaced = new HashSet<>();
    Set<String> going = new HashSet<>();
    Set<String> killed = new HashSet<>();
    int newest = 0;
    for (Notice notice : world.notices) {
      if (service.name().equals(notice.name())) {
        String lease = String.valueOf(notice.lease());
        if (notice.kind() == Notice.Kind.WORKER_STOPPING) {
          int at = notice.message().indexOf(REPLACED);
          (at < 0 ? going : replaced).add(lease);
          newest =
              at < 0
                  ? newest
                  : Integer.parseInt(notice.message().substring(at + REPLACED.length()));
        } else if (notice.kind() == Notice.Kind.WORKER_KILLED) {
          going.add(lease);
          killed.add(lease);
        } else if (notice.kind() == Notice.Kind.WORKER_EXITED
            || notice.kind() == Notice.Kind.WORKER_FAILED) {
          going.add(lease);
        }
      }
    }
    if (replaced.isEmpty() || isOnDemand(service, world) || isOnDemand(was, world)) {
      return;
    }
    boolean readyOneGoes =
        was.processes().stream()
            .anyMatch(
                each ->
                    each.state() == WorkerState.READY
                        && world.workers.isAlive(each.worker())
                        && replaced.contains(each.lease().value()));
    if (!readyOneGoes) {
      return;
    }
    Set<Long> serving = new HashSet<>();
    for (List<Answer.WorkerView> seen : List.of(service.processes(), was.processes())) {
      for (Answer.WorkerView each : seen) {
        boolean stays =
            seen == service.processes()
                ? each.state() == WorkerState.READY
                : each.state() == WorkerState.READY && going.contains(each.lease().value());
        FakeWorkers.Program process = world.workers.processes.get(each.worker());
        if (stays
            && process != null
            && (!process.isDoomed() || killed.contains(each.lease().value()))
            && process.readyAt != null
            && (each.generation() < newest
                || !process.readyAt.plus(process.version.settle()).isAfter(now))) {
          serving.add(each.worker());
        }
      }
    }
    long gone =
        was.processes().stream()
            .filter(each -> each.state() == WorkerState.READY)
            .filter(each -> !world.workers.processes.containsKey(each.worker()))
            .count();
    require(
        serving.size() + gone >= service.workers(),
        "as many serve as there are to be when an old worker is drained");
  }

  static boolean isOnDemand(Answer.ServiceView service, FakeWorld world) {
    return service.listeners().stream()
        .map(world.expected::get)
        .anyMatch(each -> each != null && each.idle() == IdlePolicy.SPAWN);
  }

  // ---- when nothing fails by chance any more

  /** Whether nothing of this can come to another end any more. */
  static boolean isSettled(Answer.Listing listing, FakeWorld world, Instant now) {
    return listing.services().stream()
        .allMatch(each -> hasReached(each, world, now) || isFailing(each, world));
  }

  static void checkTargets(Answer.Listing listing, FakeWorld world, Instant now) {
    for (Answer.ServiceView service : listing.services()) {
      require(
          hasReached(service, world, now) || isFailing(service, world),
          "a service comes to what it is to be: " + service);
      if (service.state().equals("idle")) {
        checkAwaited(service, listing, world);
      }
    }
  }

  private static boolean hasReached(Answer.ServiceView service, FakeWorld world, Instant now) {
    long present = present(service, world, now);
    return switch (service.state()) {
      case "stopped", "stopping", "idle" -> present == 0;
      case "running" ->
          present == service.workers()
              && service.processes().stream()
                  .allMatch(
                      each ->
                          each.state() == WorkerState.READY
                              || world.workers.program(each.worker()).isAbandoned(now));
      default -> false;
    };
  }

  /** Whether it cannot be had: its listener has no socket, or its program is no good. */
  private static boolean isFailing(Answer.ServiceView service, FakeWorld world) {
    ServiceConfig wanted = world.config.services().get(service.name());
    if (service.listeners().stream().anyMatch(world.lost::contains)
        || (wanted != null && wanted.listeners().stream().anyMatch(world.lost::contains))) {
      return true; // it waits for a listener whose endpoint somebody else has
    }
    if (service.state().equals("restarting")) {
      return false; // a rollout has an end
    }
    for (ListenerName name : service.listeners()) {
      ListenerConfig listener = world.expected.get(name);
      if (listener == null || listener.isStopped()) {
        return true;
      }
    }
    WorkerOrder newest = world.workers.newest.get(service.name());
    return newest != null && FakeWorkers.Version.of(newest.launch()).isBroken();
  }

  /** Who serves has the sockets that its listeners have now. */
  static void checkSockets(Answer.Listing listing, FakeWorld world) {
    Map<ListenerName, Answer.ListenerView> listeners =
        listing.listeners().stream()
            .collect(Collectors.toMap(Answer.ListenerView::name, each -> each));
    for (Answer.ServiceView service : listing.services()) {
      if (!service.state().equals("running") || world.undone.contains(service.name())) {
        continue; // what serves on after a failed rollout has what it had before
      }
      for (Answer.WorkerView worker : service.processes()) {
        Set<Long> held =
            world.workers.program(worker.worker()).order.sockets().stream()
                .map(each -> each.socket().id())
                .collect(Collectors.toSet());
        for (ListenerName name : service.listeners()) {
          Answer.ListenerView listener = listeners.get(name);
          BoundSocket socket = listener == null ? null : listener.socket();
          require(
              worker.state() != WorkerState.READY || socket == null || held.contains(socket.id()),
              "a worker serves the socket that its listener has: " + worker + " " + listener);
        }
      }
    }
  }

  /** A connection that comes starts an idle service. */
  private static void checkAwaited(
      Answer.ServiceView service, Answer.Listing listing, FakeWorld world) {
    for (Answer.ListenerView listener : listing.listeners()) {
      BoundSocket socket = listener.socket();
      if (service.listeners().contains(listener.name())
          && listener.config().idle() == IdlePolicy.SPAWN
          && socket != null) {
        FakeWorld.Socket bound = world.sockets.get(socket.id());
        require(
            bound != null && (bound.awaited || bound.audited),
            "who waits for a connection is told of it: " + service.name());
      }
    }
  }

  /**
   * A service that fails is started again, not before its shortest delay and not after its longest.
   */
  static void checkBackoff(Answer.Listing listing, Map<String, Instant> started, Instant now) {
    Map<String, Instant> latest = new HashMap<>();
    for (Answer.ServiceView service : listing.services()) {
      service
          .nextStart()
          .ifPresent(
              at -> {
                require(at.isAfter(now), "a failing service is not started before its delay");
                require(!at.isAfter(now.plus(LONGEST)), "a failing service is started again");
                latest.put(service.name(), at);
              });
    }
    latest.forEach(
        (name, at) -> {
          Instant last = started.put(name, at);
          require(
              last == null || last.equals(at) || !at.isBefore(last.plus(DELAY)),
              "a failing service is started again no sooner than after its delay");
        });
  }
}
