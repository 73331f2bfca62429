package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Supervised workers: brings those that there are to those that there are to be. Every worker has a
 * lease; the rest of the state keeps it, behind {@link Leases}.
 *
 * <p>Touched by the thread that owns the state only.
 */
final class Services {

  /** How long a killed process may take to be gone, before nobody waits for it any more. */
  static final Duration UNKILLABLE = Duration.ofSeconds(10);

  /** How much of the last line of a worker's output is told in one line with other things. */
  private static final int LONGEST_LINE = 200;

  private static final WorkerExit LOST = new WorkerExit(WorkerExit.UNKNOWN, 0, "");

  /** What services need of the rest of the state. */
  interface Leases {

    /** Why the listeners cannot be handed out now; null when they can. */
    @Nullable String obstacle(List<ListenerName> names);

    /**
     * Whether one of the listeners lost its socket and is bound anew as soon as that can be: then
     * that is waited for, and is no failure of the service's.
     */
    boolean areAwaited(List<ListenerName> names);

    /** A lease of a worker that is about to be started, as the account or the broker's own user. */
    LeaseId grant(long worker, String service, ServiceConfig config);

    /** The sockets of a lease, in order. */
    List<Answer.Passed> sockets(LeaseId lease);

    /** The lease's process is there. */
    void started(LeaseId lease, int pid);

    /** Makes a lease ready, if it is warming. */
    void ready(LeaseId lease, String reason);

    /** When a draining lease is to end. */
    Optional<Instant> deadline(LeaseId lease);

    /** Has a lease drain; true when its holder waits to be told so, or is expected to. */
    boolean drain(LeaseId lease, Instant deadline, String reason);

    /**
     * Whether the holder of a draining lease is told when it is back, which it has not been since
     * the broker died. {@link Services#signal(long)} follows when it does not come.
     */
    boolean awaitsReturn(LeaseId lease);

    void end(LeaseId lease, String reason);

    boolean has(LeaseId lease);

    /** Whether the holder was sent its stop signal, or told to drain. */
    boolean isAsked(LeaseId lease);

    /** Has the next connection told, where that is what starts services and nobody serves now. */
    void awaitConnection(List<ListenerName> names);

    /** Whether a connection on one of these listeners is what starts their services. */
    boolean startsOnDemand(List<ListenerName> names);
  }

  /** What falls due. */
  private record Due(What what, String service, long worker) {}

  private enum What {
    READY_TIMEOUT,
    SETTLED,
    STOP_TIMEOUT,
    UNKILLABLE,
    WATCHDOG,
    RESTART,
    IDLE
  }

  private final Map<String, Service> services = new TreeMap<>();
  private final Map<Long, Service> byWorker = new HashMap<>();
  private final Map<Integer, Worker> byPid = new HashMap<>();
  private final Deadlines<Due> deadlines = new Deadlines<>();
  private final Set<Long> gone = new LinkedHashSet<>(); // while no broker was there
  private final Outbox out;
  private final Leases leases;
  private boolean shuttingDown;
  private long lastWorker;

  Services(Outbox out, Leases leases) {
    this.out = out;
    this.leases = leases;
  }

  /** A worker and its service. */
  private record Found(Service service, Worker worker) {}

  /** Finds a worker for something that changes it, or its service; null when it is gone. */
  private @Nullable Found find(long id) {
    Service service = byWorker.get(id);
    Worker worker = service == null ? null : service.workers.get(id);
    if (service == null || worker == null) {
      return null;
    }
    out.touch(service.key());
    out.touch(worker.key());
    return new Found(service, worker);
  }

  boolean has(@Nullable String name) {
    return name != null && services.containsKey(name);
  }

  /** Whether any worker is there whose end somebody waits for. */
  boolean hasWorkers() {
    return byWorker.entrySet().stream()
        .map(each -> each.getValue().workers.get(each.getKey()))
        .anyMatch(worker -> worker != null && !worker.abandoned);
  }

  /** The lease of the worker that is this process. */
  Optional<LeaseId> leaseOf(int pid) {
    return pid <= 0
        ? Optional.empty()
        : Optional.ofNullable(byPid.get(pid)).map(each -> each.lease);
  }

  ServiceConfig.Stopping stopping(String name) {
    Service service = services.get(name);
    return service == null ? ServiceConfig.Stopping.DEFAULT : service.running.stop();
  }

  List<Answer.ServiceView> views() {
    return services.values().stream().map(each -> each.view(onDemand(each))).toList();
  }

  Optional<Instant> nextDeadline() {
    return deadlines.earliest();
  }

  void expire() {
    for (Due due = deadlines.takeDue(out.now()); due != null; due = deadlines.takeDue(out.now())) {
      Service service = services.get(due.service());
      Worker worker = service == null ? null : service.workers.get(due.worker());
      if (service == null || (due.worker() != 0 && worker == null)) {
        continue;
      }
      out.touch(service.key());
      if (worker != null) {
        out.touch(worker.key());
      }
      expire(due.what(), service, worker);
    }
  }

  private void expire(What what, Service service, @Nullable Worker worker) {
    if (worker == null) {
      if (what == What.RESTART) {
        service.nextStart = null;
        run(service);
      } else {
        askWhetherIdle(service);
      }
      return;
    }
    switch (what) {
      case READY_TIMEOUT -> notReady(worker);
      case SETTLED -> {
        worker.settled = true;
        run(service);
      }
      case STOP_TIMEOUT ->
          kill(
              service,
              worker,
              "not gone "
                  + service.running.stop().timeout().toMillis()
                  + " ms after it was asked to finish");
      case UNKILLABLE -> {
        worker.abandoned = true;
        warn(
            service, worker.describe() + " does not die of SIGKILL; the kernel holds it (state D)");
        if (!worker.isStopping()) {
          String reason = worker.failure;
          goes(service, worker, "killed, and not gone");
          boolean unused = leases.drain(worker.lease, stopDeadline(service), "killed");
          failed(service, worker, reason == null ? "killed" : reason, "", false);
        }
        run(service);
      }
      case WATCHDOG -> {
        worker.failure = worker.describe() + " did not say WATCHDOG=1 in time";
        kill(service, worker, "it did not say WATCHDOG=1 in time");
      }
      case RESTART, IDLE -> throw new IllegalStateException("about a service: " + what);
    }
  }

  // ---- configuration

  /** Why the services cannot be had with these listeners; null when they can. */
  static @Nullable String obstacle(BrokerConfig next, Set<ListenerName> listeners) {
    for (Map.Entry<String, ServiceConfig> each : next.services().entrySet()) {
      for (ListenerName name : each.getValue().listeners()) {
        if (!listeners.contains(name)) {
          return "service " + each.getKey() + ": no listener is named " + name.value();
        }
      }
    }
    return null;
  }

  /** What {@link #configure} is about to do. */
  static Answer.Changes changes(
      Map<String, ServiceConfig> before,
      Map<String, ServiceConfig> next,
      Predicate<ListenerName> rebound) {
    return new Answer.Changes(
        next.keySet().stream().filter(name -> !before.containsKey(name)).sorted().toList(),
        next.entrySet().stream()
            .filter(each -> before.containsKey(each.getKey()))
            .filter(
                each ->
                    !each.getValue().equals(before.get(each.getKey()))
                        || each.getValue().listeners().stream().anyMatch(rebound))
            .map(Map.Entry::getKey)
            .sorted()
            .toList(),
        before.keySet().stream().filter(name -> !next.containsKey(name)).sorted().toList());
  }

  /**
   * Follows a new configuration: new services start, changed ones are rolled out, others end.
   *
   * @param rebound listeners that have other sockets than before
   */
  void configure(Map<String, ServiceConfig> next, Set<ListenerName> rebound) {
    services.values().forEach(this::keepDemanded);
    for (Map.Entry<String, ServiceConfig> each : next.entrySet()) {
      Service known = services.get(each.getKey());
      if (known == null) {
        Service added = new Service(each.getKey(), each.getValue());
        services.put(added.name, added);
        out.notice(Notice.Kind.SERVICE_CHANGED, added.name, null, "added");
        run(added);
      } else {
        change(
            known,
            each.getValue(),
            each.getValue().listeners().stream().anyMatch(rebound::contains));
      }
    }
    for (Service service : List.copyOf(services.values())) {
      if (!next.containsKey(service.name) && !service.removed) {
        service.removed = true;
        out.notice(
            Notice.Kind.SERVICE_CHANGED, service.name, null, "no longer in the configuration");
        abandonOperation(service, "the service is no longer in the configuration");
        run(service);
      }
    }
    listenersChanged();
  }

  /** Listeners are others than before, or otherwise. */
  void listenersChanged() {
    for (Service service : List.copyOf(services.values())) {
      run(service);
    }
  }

  /** Who serves on a listener that waits for a connection from now on stays until it is idle. */
  private void keepDemanded(Service service) {
    if (onDemand(service)
        && !service.demanded
        && !service.stopped
        && !service.those(worker -> !worker.isStopping()).isEmpty()) {
      service.demanded = true;
      service.lastConnection = out.now();
      out.touch(service.key());
      setIdleDeadline(service);
    }
  }

  private void change(Service service, ServiceConfig next, boolean rebound) {
    ServiceConfig before = service.wanted;
    boolean back = service.removed;
    out.touch(service.key());
    if (next.equals(before) && !rebound && !back) {
      return;
    }
    service.removed = false;
    service.wanted = next;
    Rollout rollout = service.rollout;
    ServiceConfig latest = rollout == null ? service.running : rollout.target();
    if (next.workers() != before.workers()) {
      service.count = next.workers();
    }
    out.notice(Notice.Kind.SERVICE_CHANGED, service.name, null, "changed");
    if (rebound || !next.runsLike(latest)) {
      service.outdated = true; // also while a rollout to what is old by now goes on
    } else if (rollout == null) {
      service.running = next;
      service.outdated = false;
      service.rolloutFailed = false;
      setIdleDeadline(service);
    }
    run(service);
  }

  // ---- what operators say

  void restart(Event.Restart request) {
    Service service = free(request.caller(), request.service());
    if (service == null) {
      return;
    }
    if (service.stopped) {
      out.refuse(request.caller(), new Refusal.ServiceStopped(service.name));
      return;
    }
    begin(service, Service.Operation.RESTART, request.caller().connection());
    rollOut(service, request.allAtOnce(), request.readyTimeout());
    run(service);
  }

  void scale(Event.Scale request) {
    Service service = free(request.caller(), request.service());
    if (service == null) {
      return;
    }
    service.count = request.workers();
    begin(service, Service.Operation.SCALE, request.caller().connection());
    progress(
        service,
        Answer.Step.BEGUN,
        null,
        "scale " + service.name + " to " + workers(service.count));
    service.nextStart = null;
    deadlines.clear(new Due(What.RESTART, service.name, 0));
    run(service);
  }

  void start(Event.Start request) {
    Service service = free(request.caller(), request.service());
    if (service == null) {
      return;
    }
    begin(service, Service.Operation.START, request.caller().connection());
    progress(
        service, Answer.Step.BEGUN, null, "start " + service.name + ": " + workers(service.count));
    if (service.stopped) {
      service.stopped = false;
      service.running = service.wanted;
      service.outdated = false;
      out.notice(Notice.Kind.SERVICE_CHANGED, service.name, null, "started by an operator");
    }
    forgive(service);
    run(service);
  }

  /** Unlike the others it does not wait for what is under way, but ends it. */
  void stop(Event.Stop request) {
    Service service = known(request.caller(), request.service());
    if (service == null) {
      return;
    }
    if (service.operation == Service.Operation.STOP) {
      out.refuse(request.caller(), new Refusal.ServiceBusy(service.name, "stop"));
      return;
    }
    abandonOperation(service, "stopped by an operator");
    begin(service, Service.Operation.STOP, request.caller().connection());
    progress(
        service,
        Answer.Step.BEGUN,
        null,
        "stop " + service.name + ": " + workers(service.workers.size()));
    service.stopped = true;
    service.demanded = false;
    forgive(service);
    out.notice(Notice.Kind.SERVICE_CHANGED, service.name, null, "stopped by an operator");
    run(service);
  }

  private @Nullable Service known(Caller caller, String name) {
    Service service = services.get(name);
    if (service == null || service.removed) {
      out.refuse(caller, new Refusal.NoSuchService(name));
      return null;
    }
    out.touch(service.key());
    if (shuttingDown) {
      out.refuse(caller, new Refusal.ShuttingDown());
      return null;
    }
    return service;
  }

  /** A service about which nothing is under way. */
  private @Nullable Service free(Caller caller, String name) {
    Service service = known(caller, name);
    if (service == null) {
      return null;
    }
    Service.Operation busy = service.operation;
    if (busy != null || service.rollout != null) {
      out.refuse(caller, new Refusal.ServiceBusy(name, busy == null ? "restart" : busy.word()));
      return null;
    }
    return service;
  }

  private static void begin(Service service, Service.Operation operation, long asker) {
    service.operation = operation;
    service.asker = asker;
  }

  private void forgive(Service service) {
    service.failures = 0;
    service.rolloutFailed = false;
    service.nextStart = null;
    service.message = null;
    deadlines.clear(new Due(What.RESTART, service.name, 0));
  }

  /** Who asked is gone; what was begun goes on. */
  void forgetAsker(long connection) {
    for (Service service : services.values()) {
      if (service.asker == connection) {
        service.asker = Outbox.GONE;
      }
    }
  }

  /** The first time asks all workers to finish, the second time kills them. */
  void shutDown() {
    boolean again = shuttingDown;
    shuttingDown = true;
    for (Service service : List.copyOf(services.values())) {
      if (!again && service.operation != Service.Operation.STOP) {
        long asker = service.asker;
        service.asker = Outbox.GONE;
        if (service.operation != null) {
          out.refuse(asker, new Refusal.ShuttingDown());
        }
        abandonOperation(service, "the broker ends");
      }
      run(service);
      if (again) {
        for (Worker worker : List.copyOf(service.workers.values())) {
          kill(service, worker, "the broker was told a second time to end");
        }
      }
    }
  }

  // ---- what happens to workers

  void spawned(Event.Spawned event) {
    Found found = find(event.worker());
    if (found == null) {
      return;
    }
    Service service = found.service();
    Worker worker = found.worker();
    identify(worker, event.pid());
    out.notice(
        Notice.Kind.WORKER_STARTED,
        service.name,
        worker.lease.value(),
        worker.describe() + " generation=" + worker.generation);
    progress(service, Answer.Step.STARTED, worker, "started");
    if (worker.killed) {
      out.add(new Effect.KillWorker(worker.id));
    } else if (worker.signalWhenSpawned != 0) {
      out.add(new Effect.StopWorker(worker.id, worker.signalWhenSpawned));
    } else if (worker.state == WorkerState.STARTING) {
      if (worker.config.ready().when() == ReadyWhen.EXEC) {
        leases.ready(worker.lease, "its program was started");
      }
      observe(worker);
    }
  }

  private void observe(Worker worker) {
    observe(worker, false);
  }

  /** Unheard: it may have said that it is ready while nobody heard it. */
  private void observe(Worker worker, boolean unheard) {
    if (worker.state == WorkerState.STARTING
        && !worker.killed
        && (unheard || worker.config.ready().when() == ReadyWhen.ACCEPTING)) {
      out.add(new Effect.Observe(worker.lease, worker.pid, socketsOf(worker)));
    }
  }

  private List<Long> socketsOf(Worker worker) {
    return leases.sockets(worker.lease).stream().map(each -> each.socket().id()).toList();
  }

  void spawnFailed(Event.SpawnFailed event) {
    Found found = find(event.worker());
    if (found == null) {
      return;
    }
    Service service = found.service();
    Worker worker = found.worker();
    remove(service, worker, "its process could not be made");
    if (!worker.isStopping()) {
      failed(service, worker, event.message(), "", false);
    }
    run(service);
  }

  void mainProcess(Event.MainProcess event) {
    Found found = find(event.worker());
    if (found != null) {
      identify(found.worker(), event.pid());
      observe(found.worker()); // what was looked at is not the parent of what serves any more
    }
  }

  private void identify(Worker worker, int pid) {
    byPid.remove(worker.pid, worker);
    worker.pid = pid;
    byPid.put(pid, worker);
    leases.started(worker.lease, pid);
  }

  void exited(Event.Exited event) {
    Found found = find(event.worker());
    if (found == null) {
      return;
    }
    Service service = found.service();
    Worker worker = found.worker();
    String how = worker.describe() + " " + event.exit().describe();
    boolean expected = worker.isStopping();
    out.notice(
        expected ? Notice.Kind.WORKER_EXITED : Notice.Kind.WORKER_FAILED,
        service.name,
        worker.lease.value(),
        how);
    remove(service, worker, "its process " + event.exit().describe());
    progress(service, Answer.Step.GONE, worker, event.exit().describe());
    if (!worker.isStopping()) {
      String before = worker.readyAt == null ? " before it was ready" : "";
      String reason = worker.failure == null ? how + before : worker.failure;
      failed(service, worker, reason, event.exit().lastOutput(), livedLong(service, worker));
    }
    run(service);
  }

  private static String withOutput(String reason, String output) {
    return output.isEmpty() ? reason : reason + "; its last output:\n" + output.stripTrailing();
  }

  /** In one line, for the log and for who watches: what a program says last is mostly why. */
  private static String withLastLine(String reason, String output) {
    String last =
        output.lines().map(String::strip).filter(line -> !line.isEmpty()).reduce("", (a, b) -> b);
    if (last.isEmpty()) {
      return reason;
    }
    int end = Math.min(last.length(), LONGEST_LINE);
    return reason + ": " + last.substring(0, end) + (end < last.length() ? "…" : "");
  }

  private boolean livedLong(Service service, Worker worker) {
    Instant readyAt = worker.readyAt;
    return readyAt != null
        && !readyAt.plus(service.running.restarts().longestDelay()).isAfter(out.now());
  }

  private void remove(Service service, Worker worker, String reason) {
    out.touch(worker.key());
    service.workers.remove(worker.id);
    byWorker.remove(worker.id);
    byPid.remove(worker.pid, worker);
    for (What what : What.values()) {
      deadlines.clear(new Due(what, service.name, worker.id));
    }
    leases.end(worker.lease, reason);
  }

  /** The lease of a worker is ready: it said so, was seen, or need not. */
  void leaseReady(long id) {
    Found found = find(id);
    if (found == null || found.worker().killed || found.worker().state != WorkerState.STARTING) {
      return;
    }
    Service service = found.service();
    Worker worker = found.worker();
    worker.state = WorkerState.READY;
    worker.failure = null; // a moment too late, and well enough
    worker.readyAt = out.now();
    deadlines.clear(new Due(What.READY_TIMEOUT, service.name, id));
    progress(
        service,
        Answer.Step.READY,
        worker,
        "ready after " + Duration.between(worker.since, out.now()).toMillis() + " ms");
    ServiceConfig config = worker.config;
    Duration watchdog = config.watchdog();
    if (watchdog != null) {
      deadlines.set(new Due(What.WATCHDOG, service.name, id), out.now().plus(watchdog));
    }
    if (config.ready().settle().isZero()) {
      worker.settled = true;
    } else {
      deadlines.set(
          new Due(What.SETTLED, service.name, id), out.now().plus(config.ready().settle()));
    }
    run(service);
  }

  /**
   * The lease of a worker ended before its process: the worker goes, and another takes its place.
   *
   * @param asked whether the holder was asked to finish; who goes on without a lease was so, too
   */
  void leaseEnded(long id, boolean asked, String reason) {
    Found found = find(id);
    if (found == null) {
      return;
    }
    found.worker().asked |= asked;
    if (!found.worker().isStopping()) {
      boolean released = reason.equals("released");
      leaves(found.service(), found.worker(), "its lease ended: " + reason);
      if (released) {
        found.worker().asked = true; // it finishes by itself
      } else {
        signal(found.service(), found.worker());
      }
      run(found.service());
    }
  }

  /**
   * Somebody asked for one worker to be drained, by then at the latest; another takes its place.
   */
  void drain(long id, Optional<Instant> deadline, String reason) {
    Found found = find(id);
    if (found != null) {
      Service service = found.service();
      stop(service, found.worker(), reason, deadline.orElse(stopDeadline(service)));
      deadline.ifPresent(at -> prolong(service, found.worker(), reason, at));
      run(service);
    }
  }

  /** Another moment, for one that is on its way out: it is told when it waits to be. */
  private void prolong(Service service, Worker worker, String reason, Instant until) {
    Due due = new Due(What.STOP_TIMEOUT, service.name, worker.id);
    if (!worker.killed && !deadlines.of(due).equals(Optional.of(until))) {
      deadlines.set(due, until);
      boolean unused = leases.drain(worker.lease, until, reason);
    }
  }

  void notified(long id, Notification said) {
    Found found = find(id);
    if (found == null) {
      return;
    }
    Service service = found.service();
    Worker worker = found.worker();
    if (said.status() != null) {
      worker.status = said.status();
    }
    Duration extend = said.extend();
    if (extend != null) {
      What what = worker.isStopping() ? What.STOP_TIMEOUT : What.READY_TIMEOUT;
      Due due = new Due(what, service.name, id);
      Instant until = out.now().plus(extend);
      if (deadlines.of(due).filter(at -> at.isBefore(until)).isPresent()) {
        deadlines.set(due, until);
      }
    }
    Due watchdog = new Due(What.WATCHDOG, service.name, id);
    Duration every = worker.config.watchdog();
    if (said.failing()) {
      worker.failure = worker.describe() + " said WATCHDOG=trigger";
      kill(service, worker, "it said WATCHDOG=trigger");
    } else if (said.watchdog() && every != null && deadlines.of(watchdog).isPresent()) {
      deadlines.set(watchdog, out.now().plus(every));
    }
    if (said.stopping() && !worker.isStopping()) {
      leaves(service, worker, "said STOPPING=1");
      boolean unused = leases.drain(worker.lease, stopDeadline(service), "said STOPPING=1");
      run(service);
    }
  }

  void lastOutput(Event.LastOutput event) {
    Found found = find(event.worker());
    if (found == null) {
      return;
    }
    Service service = found.service();
    Worker worker = found.worker();
    String reason = worker.failure;
    if (reason != null && !worker.killed && !worker.isStopping()) {
      out.notice(Notice.Kind.WORKER_FAILED, service.name, worker.lease.value(), reason);
      stop(service, worker, "not ready in time");
      failed(service, worker, reason, event.text(), false);
      run(service);
    }
  }

  void connectionCame(ListenerName name) {
    for (Service service : List.copyOf(services.values())) {
      if (service.running.listeners().contains(name) && onDemand(service)) {
        service.lastConnection = out.now();
        out.touch(service.key());
        if (!service.demanded && !service.stopped && !service.removed && !shuttingDown) {
          service.demanded = true;
          out.notice(Notice.Kind.SERVICE_CHANGED, service.name, null, "a connection came");
          setIdleDeadline(service);
          run(service);
        }
      }
    }
  }

  void openCounted(Event.OpenCounted event) {
    Service service = services.get(event.service());
    if (service == null || !service.demanded) {
      return;
    }
    out.touch(service.key());
    Duration idle = service.running.idleStop();
    boolean quiet =
        idle != null
            && event.connections() == 0
            && !service.lastConnection.plus(idle).isAfter(out.now());
    if (quiet && service.operation == null && service.rollout == null) {
      service.demanded = false;
      out.notice(Notice.Kind.SERVICE_CHANGED, service.name, null, "idle: its workers are stopped");
      run(service);
    } else {
      if (event.connections() > 0) {
        service.lastConnection = out.now();
      }
      setIdleDeadline(service);
    }
  }

  private void setIdleDeadline(Service service) {
    Duration idle = service.running.idleStop();
    if (idle == null || !service.demanded) {
      deadlines.clear(new Due(What.IDLE, service.name, 0));
    } else {
      Instant at = service.lastConnection.plus(idle);
      Instant soonest = out.now().plusMillis(100);
      deadlines.set(new Due(What.IDLE, service.name, 0), at.isBefore(soonest) ? soonest : at);
    }
  }

  private void askWhetherIdle(Service service) {
    if (!service.demanded) {
      return;
    }
    List<Worker> alive = service.those(worker -> worker.pid != 0);
    Duration idle = service.running.idleStop();
    boolean came = idle != null && service.lastConnection.plus(idle).isAfter(out.now());
    if (came || alive.isEmpty()) {
      setIdleDeadline(service);
      return;
    }
    List<Long> counted = alive.stream().map(each -> each.id).toList();
    out.add(new Effect.CountOpen(service.name, counted, socketsOf(alive.get(0))));
  }

  // ---- from what there is to what there is to be

  private void run(Service service) {
    out.touch(service.key());
    if (service.stopped || service.removed || shuttingDown) {
      wind(service);
      return;
    }
    if (service.rollout == null && service.outdated) {
      rollOut(service, false, Optional.empty());
    }
    Rollout rollout = service.rollout;
    if (rollout != null) {
      advance(service, rollout);
    }
    if (service.rollout == null && service.outdated) {
      run(service); // it could not go on, and has a successor
    } else if (service.rollout == null) {
      hold(service);
    }
  }

  /** Ends a service's workers. */
  private void wind(Service service) {
    service.rollout = null;
    String reason =
        service.removed
            ? "no longer configured"
            : service.stopped ? "the service is stopped" : "the broker ends";
    for (Worker worker : List.copyOf(service.workers.values())) {
      stop(service, worker, reason);
    }
    if (service.those(worker -> !worker.abandoned).isEmpty()) {
      finish(service, "stopped");
      if (service.removed && service.workers.isEmpty()) {
        services.remove(service.name);
        out.touch(service.key());
        deadlines.clear(new Due(What.RESTART, service.name, 0));
        deadlines.clear(new Due(What.IDLE, service.name, 0));
        out.add(new Effect.ForgetService(service.name));
      }
    }
  }

  private int target(Service service) {
    return onDemand(service) && !service.demanded ? 0 : service.count;
  }

  private boolean onDemand(Service service) {
    return leases.startsOnDemand(service.running.listeners());
  }

  /** Keeps as many workers as there are to be. */
  private void hold(Service service) {
    int target = target(service);
    List<Worker> serving = service.those(worker -> !worker.isStopping());
    for (int i = 0; i < serving.size() - target; i++) {
      stop(service, surplus(service), target == 0 ? "the service is idle" : "one worker too many");
    }
    int missing = target - serving.size();
    boolean possible = missing > 0 && !leases.areAwaited(service.running.listeners());
    for (int i = 0; possible && i < missing && service.nextStart == null; i++) {
      launch(service, service.running, service.generation, Optional.empty());
    }
    if (target == 0) {
      leases.awaitConnection(service.running.listeners()); // one may have come when nobody cared
    }
    if (service.isWhole(target)) {
      if (!service.rolloutFailed) {
        service.message = null;
      }
      finish(
          service,
          target == 0
              ? "the first connection starts " + workers(service.count)
              : workers(target) + (target == 1 ? " is ready" : " are ready"));
    }
  }

  /**
   * Who goes when there are too many: who serves nobody, what a failed rollout left, with whom the
   * least is lost, the newest.
   */
  private static Worker surplus(Service service) {
    return Collections.max(
        service.those(worker -> !worker.isStopping()),
        Comparator.comparing((Worker worker) -> worker.worth() == 0)
            .thenComparing(worker -> worker.generation != service.generation)
            .thenComparing(worker -> -worker.worth())
            .thenComparing(worker -> worker.id));
  }

  private void rollOut(Service service, boolean allAtOnce, Optional<Duration> readyTimeout) {
    service.outdated = false;
    service.lastGeneration++;
    Rollout rollout =
        new Rollout(service.lastGeneration, service.wanted, allAtOnce, readyTimeout, out.now());
    service.rollout = rollout;
    forgive(service);
    String what =
        "restart "
            + service.name
            + ": "
            + workers(target(service))
            + ", generation "
            + rollout.generation();
    out.notice(Notice.Kind.ROLLOUT_BEGUN, service.name, null, what);
    progress(service, Answer.Step.BEGUN, null, what);
  }

  private void advance(Service service, Rollout rollout) {
    int target = target(service);
    for (Worker worker : rollout.toDrain(service, target)) {
      stop(service, worker, "replaced by generation " + rollout.generation());
    }
    for (Worker worker : rollout.tooMany(service, target)) {
      stop(service, worker, "one worker too many");
    }
    int count =
        leases.areAwaited(rollout.target().listeners()) ? 0 : rollout.toStart(service, target);
    for (int i = 0; i < count && rollout.equals(service.rollout); i++) {
      launch(service, rollout.target(), rollout.generation(), rollout.readyTimeout());
    }
    if (rollout.equals(service.rollout) && rollout.isDone(service, target)) {
      service.rollout = null;
      service.running = service.outdated ? rollout.target() : service.wanted;
      service.generation = rollout.generation();
      service.message = null;
      setIdleDeadline(service);
      String what = workers(target) + " replaced";
      out.notice(
          Notice.Kind.ROLLOUT_DONE,
          service.name,
          null,
          what + " in " + Duration.between(rollout.begun(), out.now()).toMillis() + " ms");
      finish(service, what);
      if (service.outdated) {
        run(service);
      }
    }
  }

  private void launch(
      Service service, ServiceConfig config, int generation, Optional<Duration> readyTimeout) {
    String obstacle = leases.obstacle(config.listeners());
    if (obstacle != null) {
      failed(service, null, obstacle, "", false);
      return;
    }
    long id = ++lastWorker;
    out.touch(Entry.OfBroker.KEY);
    LeaseId lease = leases.grant(id, service.name, config);
    Worker worker = new Worker(id, generation, config, lease, out.now());
    service.workers.put(id, worker);
    byWorker.put(id, service);
    out.touch(worker.key());
    deadlines.set(
        new Due(What.READY_TIMEOUT, service.name, id),
        out.now().plus(readyTimeout.orElse(config.ready().timeout())));
    out.add(new Effect.Spawn(order(service, worker)));
  }

  private WorkerOrder order(Service service, Worker worker) {
    return new WorkerOrder(
        worker.id,
        service.name,
        worker.lease,
        worker.config.launch(),
        leases.sockets(worker.lease),
        worker.config.stored(),
        worker.config.watchdog());
  }

  private void notReady(Worker worker) {
    if (worker.state != WorkerState.STARTING) {
      return;
    }
    ServiceConfig config = worker.config;
    String how =
        switch (config.ready().when()) {
          case NOTIFY -> "it did not say READY=1";
          case ACCEPTING ->
              "it was not seen waiting on "
                  + String.join(", ", config.listeners().stream().map(ListenerName::value).toList())
                  + ", and did not say READY=1";
          case EXEC -> "its program was not started";
        };
    worker.failure =
        worker.describe()
            + " was not ready "
            + Duration.between(worker.since, out.now()).toMillis()
            + " ms after its start: "
            + how;
    out.add(new Effect.AskOutput(worker.id));
  }

  /**
   * A worker failed, or could not even be started. In a rollout that stops the rollout, and the old
   * workers serve on; otherwise, and when there are none, it is tried again, later each time.
   */
  private void failed(
      Service service, @Nullable Worker worker, String reason, String output, boolean livedLong) {
    if (service.stopped || service.removed || shuttingDown) {
      return;
    }
    service.message = withOutput(reason, output);
    Rollout rollout = service.rollout;
    if (rollout != null) {
      boolean ofNew = worker == null || rollout.isNew(worker);
      if (!ofNew || !failRollout(service, rollout, reason, output)) {
        return;
      }
    }
    service.restarts++;
    if (service.nextStart == null) {
      service.failures = livedLong ? 1 : service.failures + 1;
      Duration delay = backoff(service);
      service.nextStart = out.now().plus(delay);
      deadlines.set(new Due(What.RESTART, service.name, 0), out.now().plus(delay));
      if (service.failures > 1 || worker == null) {
        warn(
            service,
            "failed "
                + service.failures
                + " times in a row, tried again in "
                + delay.toMillis()
                + " ms: "
                + withLastLine(reason, output));
      }
    }
    refuse(service, withOutput(reason + ". It is tried again, later each time", output));
  }

  private static Duration backoff(Service service) {
    ServiceConfig.Restarts restarts = service.running.restarts();
    Duration delay = restarts.delay();
    for (int i = 1; i < service.failures && delay.compareTo(restarts.longestDelay()) < 0; i++) {
      delay = delay.multipliedBy(2);
    }
    return delay.compareTo(restarts.longestDelay()) < 0 ? delay : restarts.longestDelay();
  }

  /**
   * Ends a rollout with what ran before, which makes up for whatever is missing. Unless a reload
   * began it and nothing of that is ready: then who changed the configuration may have mended it,
   * and the old version has nothing to serve on with.
   *
   * @return whether the new version is what is to be tried again
   */
  private boolean failRollout(Service service, Rollout rollout, String reason, String output) {
    boolean reloaded = service.operation == null;
    List<Worker> old = service.those(each -> !rollout.isNew(each));
    boolean goesOn = reloaded && old.stream().noneMatch(each -> each.state == WorkerState.READY);
    service.rollout = null;
    service.nextStart = null;
    service.rolloutFailed = !goesOn;
    if (goesOn) {
      service.running = service.outdated ? rollout.target() : service.wanted;
      service.generation = rollout.generation();
      setIdleDeadline(service);
      old.forEach(each -> stop(service, each, "its version is not configured any more"));
    } else {
      service
          .those(each -> rollout.isNew(each) && each.state == WorkerState.STARTING)
          .forEach(each -> stop(service, each, "its rollout failed"));
    }
    out.notice(
        Notice.Kind.ROLLOUT_FAILED,
        service.name,
        null,
        "generation " + rollout.generation() + " failed: " + withLastLine(reason, output));
    refuse(service, withOutput(reason, output));
    return goesOn;
  }

  /** Ends what was asked for without it having been reached. */
  private void refuse(Service service, String reason) {
    if (service.operation != null) {
      long asker = service.asker;
      service.operation = null;
      service.asker = Outbox.GONE;
      out.refuse(asker, new Refusal.RestartFailed(service.name, reason));
    }
  }

  private void abandonOperation(Service service, String reason) {
    Rollout rollout = service.rollout;
    if (rollout != null) {
      service.rollout = null;
      out.notice(Notice.Kind.ROLLOUT_FAILED, service.name, null, reason);
    }
    refuse(service, reason);
  }

  private void finish(Service service, String message) {
    if (service.operation != null) {
      long asker = service.asker;
      service.operation = null;
      service.asker = Outbox.GONE;
      out.reply(
          asker,
          new Answer.Progress(service.name, Answer.Step.DONE, 0, 0, message, out.now(), true));
    }
  }

  private void progress(
      Service service, Answer.Step step, @Nullable Worker worker, String message) {
    if (service.operation != null) {
      out.reply(
          service.asker,
          new Answer.Progress(
              service.name,
              step,
              worker == null ? 0 : worker.id,
              worker == null ? 0 : worker.pid,
              message,
              out.now(),
              false));
    }
  }

  // ---- the end of a worker

  private Instant stopDeadline(Service service) {
    return out.now().plus(service.running.stop().timeout());
  }

  /** Asks a worker to finish; again, it does nothing. */
  private void stop(Service service, Worker worker, String reason) {
    stop(service, worker, reason, stopDeadline(service));
  }

  private void stop(Service service, Worker worker, String reason, Instant until) {
    if (worker.isStopping()) {
      return;
    }
    goes(service, worker, reason, until);
    if (leases.drain(worker.lease, until, reason)) {
      worker.asked = leases.isAsked(worker.lease);
    } else {
      signal(service, worker);
    }
  }

  /**
   * It goes without having been asked to. Another takes its place at once when it has served for
   * long; otherwise that is a failure like any other, or a program that always does so would be
   * started again and again without a pause.
   */
  private void leaves(Service service, Worker worker, String reason) {
    boolean livedLong = livedLong(service, worker);
    goes(service, worker, reason);
    if (!livedLong) {
      failed(service, worker, worker.describe() + ": " + reason, "", false);
    }
  }

  /** It is on its way out, whoever began that. */
  private void goes(Service service, Worker worker, String reason) {
    goes(service, worker, reason, stopDeadline(service));
  }

  private void goes(Service service, Worker worker, String reason, Instant until) {
    out.touch(worker.key());
    worker.state = WorkerState.STOPPING;
    worker.settled = false;
    deadlines.clear(new Due(What.READY_TIMEOUT, service.name, worker.id));
    deadlines.clear(new Due(What.SETTLED, service.name, worker.id));
    deadlines.clear(new Due(What.WATCHDOG, service.name, worker.id));
    deadlines.set(new Due(What.STOP_TIMEOUT, service.name, worker.id), until);
    out.notice(
        Notice.Kind.WORKER_STOPPING,
        service.name,
        worker.lease.value(),
        worker.describe() + ": " + reason);
    progress(service, Answer.Step.DRAINING, worker, reason);
  }

  /** Asks a worker to finish that was expected to hear of it, and did not. */
  void signal(long id) {
    Found found = find(id);
    if (found != null && !found.worker().asked) {
      signal(found.service(), found.worker());
    }
  }

  private void signal(Service service, Worker worker) {
    int signal = service.running.stop().signal();
    if (worker.killed) {
      return;
    }
    if (worker.pid == 0) {
      worker.signalWhenSpawned = signal;
    } else {
      out.add(new Effect.StopWorker(worker.id, signal));
    }
  }

  private void kill(Service service, Worker worker, String reason) {
    if (worker.killed) {
      return;
    }
    out.touch(worker.key());
    worker.killed = true;
    worker.settled = false;
    deadlines.clear(new Due(What.READY_TIMEOUT, service.name, worker.id));
    deadlines.clear(new Due(What.SETTLED, service.name, worker.id));
    deadlines.clear(new Due(What.WATCHDOG, service.name, worker.id));
    out.notice(
        Notice.Kind.WORKER_KILLED,
        service.name,
        worker.lease.value(),
        worker.describe() + ": " + reason);
    progress(service, Answer.Step.KILLED, worker, "killed: " + reason);
    if (worker.pid != 0) {
      out.add(new Effect.KillWorker(worker.id));
    }
    deadlines.set(new Due(What.UNKILLABLE, service.name, worker.id), out.now().plus(UNKILLABLE));
  }

  private void warn(Service service, String message) {
    out.notice(Notice.Kind.WARNING, service.name, null, message);
  }

  private static String workers(int count) {
    return count == 1 ? "1 worker" : count + " workers";
  }

  // ---- another life

  List<Entry> serviceEntries() {
    return services.values().stream().<Entry>map(Service::entry).toList();
  }

  List<Entry> workerEntries() {
    List<Entry> result = new ArrayList<>(byWorker.size());
    for (Service service : services.values()) {
      service.workers.values().forEach(each -> result.add(each.entry(service.name)));
    }
    return result;
  }

  Entry ownEntry() {
    return new Entry.OfBroker(lastWorker);
  }

  Optional<Entry> serviceEntry(String name) {
    return Optional.ofNullable(services.get(name)).map(Service::entry);
  }

  Optional<Entry> workerEntry(String number) {
    long id = Long.parseLong(number);
    Service service = byWorker.get(id);
    Worker worker = service == null ? null : service.workers.get(id);
    return service == null || worker == null
        ? Optional.empty()
        : Optional.of(worker.entry(service.name));
  }

  /** Who waits for an operation: its connection, and the service's name. */
  Map<Long, String> askers() {
    Map<Long, String> result = new TreeMap<>();
    for (Service service : services.values()) {
      if (service.asker != Outbox.GONE) {
        result.put(service.asker, service.name);
      }
    }
    return result;
  }

  /** Whether a process is being made. */
  boolean isSpawning() {
    return byWorker.entrySet().stream()
        .map(each -> each.getValue().workers.get(each.getKey()))
        .anyMatch(worker -> worker != null && worker.pid == 0);
  }

  /** The services as they are to be. */
  Map<String, ServiceConfig> wanted() {
    Map<String, ServiceConfig> result = new TreeMap<>();
    services.values().stream()
        .filter(each -> !each.removed)
        .forEach(each -> result.put(each.name, each.wanted));
    return result;
  }

  void remember(Entry.OfBroker entry) {
    lastWorker = Math.max(lastWorker, entry.lastWorker());
  }

  void remember(Entry.OfService entry) {
    Service service = new Service(entry);
    services.put(service.name, service);
    out.touch(service.key());
  }

  /** Knows a worker again, whose service and lease are known; it may have ended meanwhile. */
  void remember(Entry.OfWorker entry) {
    Service service = services.get(entry.service());
    if (service == null) {
      return;
    }
    Worker worker = new Worker(entry);
    service.workers.put(worker.id, worker);
    byWorker.put(worker.id, service);
    byPid.put(worker.pid, worker);
    lastWorker = Math.max(lastWorker, worker.id);
    out.touch(worker.key());
  }

  /** The one on this connection waits for what was asked of the service. */
  void rememberAsker(String name, long connection) {
    Service service = services.get(name);
    if (service != null && service.operation != null) {
      service.asker = connection;
    }
  }

  /** All were remembered: those that live are followed, and fall due again. */
  void remembered(Survivors survivors) {
    boolean handedOver = survivors.handedOver();
    for (Service service : services.values()) {
      if (service.nextStart != null) {
        Instant at = handedOver ? service.nextStart : out.now().plus(backoff(service));
        service.nextStart = at;
        deadlines.set(new Due(What.RESTART, service.name, 0), at);
      }
      if (!handedOver && service.demanded) {
        service.lastConnection = out.now(); // nobody counted
      }
      setIdleDeadline(service);
      for (Worker worker : service.workers.values()) {
        setDeadlines(service, worker, handedOver);
        if (survivors.workers().contains(worker.id)) {
          out.add(new Effect.AdoptWorker(order(service, worker), worker.isStopping()));
          boolean unheard = !handedOver && worker.config.ready().when() == ReadyWhen.NOTIFY;
          observe(worker, unheard);
        } else {
          gone.add(worker.id);
        }
      }
    }
  }

  /** After a crash in full; after a handover from when they began, as far as that is known. */
  private void setDeadlines(Service service, Worker worker, boolean handedOver) {
    if (worker.killed) {
      if (!worker.abandoned) {
        setDeadline(service, worker, What.UNKILLABLE, out.now(), UNKILLABLE, false);
      }
      return;
    }
    ServiceConfig config = worker.config;
    Rollout rollout = service.rollout;
    switch (worker.state) {
      case STARTING -> {
        worker.failure = null; // it is found out again
        Duration timeout =
            rollout != null && rollout.isNew(worker)
                ? rollout.readyTimeout().orElse(config.ready().timeout())
                : config.ready().timeout();
        setDeadline(service, worker, What.READY_TIMEOUT, worker.since, timeout, handedOver);
      }
      case READY -> {
        Instant readyAt = worker.readyAt == null ? out.now() : worker.readyAt;
        if (!worker.settled) {
          setDeadline(service, worker, What.SETTLED, readyAt, config.ready().settle(), handedOver);
        }
        if (config.watchdog() != null) {
          setDeadline(service, worker, What.WATCHDOG, out.now(), config.watchdog(), false);
        }
      }
      case STOPPING -> {
        Duration timeout = service.running.stop().timeout();
        Instant until = leases.deadline(worker.lease).orElse(out.now());
        Instant asked = until.minus(timeout);
        setDeadline(service, worker, What.STOP_TIMEOUT, asked, timeout, handedOver);
      }
    }
  }

  private void setDeadline(
      Service service, Worker worker, What what, Instant began, Duration time, boolean counted) {
    Instant at = began.plus(time);
    Instant full = out.now().plus(time);
    // One that is over already was prolonged: by how much is not known.
    boolean known = counted && (what == What.SETTLED || at.isAfter(out.now()));
    deadlines.set(new Due(what, service.name, worker.id), known ? at : full);
  }

  /** From now on what there is becomes what there is to be. */
  void resumed(boolean handedOver) {
    Map<Service, List<Worker>> ended = new LinkedHashMap<>();
    for (long id : gone) { // all of them before anything is decided
      Found found = find(id);
      if (found != null) {
        Worker worker = found.worker();
        boolean failed = worker.state == WorkerState.READY;
        out.notice(
            failed ? Notice.Kind.WORKER_FAILED : Notice.Kind.WORKER_EXITED,
            found.service().name,
            worker.lease.value(),
            worker.describe() + " " + LOST.describe());
        remove(found.service(), worker, "its process " + LOST.describe());
        ended.computeIfAbsent(found.service(), key -> new ArrayList<>()).add(worker);
      }
    }
    gone.clear();
    for (Service service : List.copyOf(services.values())) {
      for (Worker worker : List.copyOf(service.workers.values())) {
        resume(service, worker, handedOver);
      }
    }
    for (Map.Entry<Service, List<Worker>> each : ended.entrySet()) {
      for (Worker worker : each.getValue()) {
        progress(each.getKey(), Answer.Step.GONE, worker, LOST.describe());
        // The start of one that was not ready was cut off with the broker: it has not failed.
        if (worker.state == WorkerState.READY) {
          boolean livedLong = livedLong(each.getKey(), worker);
          String reason =
              worker.failure == null ? worker.describe() + " " + LOST.describe() : worker.failure;
          failed(each.getKey(), worker, reason, "", livedLong);
        }
      }
    }
    listenersChanged();
  }

  private void resume(Service service, Worker worker, boolean handedOver) {
    if (!handedOver) {
      out.notice(
          Notice.Kind.WORKER_ADOPTED,
          service.name,
          worker.lease.value(),
          worker.describe() + " generation=" + worker.generation);
    }
    if (worker.killed) {
      out.add(new Effect.KillWorker(worker.id));
    } else if (worker.isStopping()) {
      if (!worker.asked && !leases.isAsked(worker.lease) && !leases.awaitsReturn(worker.lease)) {
        signal(service, worker);
      }
    } else if (!leases.has(worker.lease)) {
      leaves(service, worker, "its lease was not remembered");
      signal(service, worker);
    } else if (worker.state == WorkerState.STARTING
        && worker.config.ready().when() == ReadyWhen.EXEC) {
      leases.ready(worker.lease, "its program was started");
    }
  }

  /** A listener has a new socket, which those that serve on it do not have. */
  void boundAnew(ListenerName name) {
    for (Service service : services.values()) {
      if (service.running.listeners().contains(name)
          && !service.those(worker -> !worker.isStopping()).isEmpty()) {
        service.outdated = true;
      }
    }
    listenersChanged();
  }

  /** A worker was sent its stop signal. */
  void asked(LeaseId lease, long id) {
    Found found = id == 0 ? null : find(id);
    if (found != null) {
      found.worker().asked = true;
      return;
    }
    for (Service service : services.values()) { // its lease may have ended before it
      for (Worker worker : service.workers.values()) {
        if (worker.lease.equals(lease)) {
          worker.asked = true;
          out.touch(worker.key());
        }
      }
    }
  }

  /** Throws when something that must always hold does not. */
  void check() {
    List<Long> known = new ArrayList<>();
    for (Service service : services.values()) {
      Rollout rollout = service.rollout;
      int serving = service.those(worker -> !worker.isStopping()).size();
      BrokerState.require(
          rollout != null || serving <= service.count, "no more workers than there are to be");
      // All at once, old ones stay until the new ones are ready, also when the number was lowered.
      BrokerState.require(
          rollout == null || rollout.allAtOnce() || serving <= 2 * service.count,
          "no more workers than there are to be, and those that replace them");
      BrokerState.require(
          service.asker == Outbox.GONE || service.operation != null,
          "who asked asked for something");
      for (Worker worker : service.workers.values()) {
        known.add(worker.id);
        BrokerState.require(byWorker.get(worker.id) == service, "a worker has one service");
        Due stop = new Due(What.STOP_TIMEOUT, service.name, worker.id);
        BrokerState.require(
            !worker.isStopping() || worker.killed || deadlines.of(stop).isPresent(),
            "who is asked to finish has a deadline");
        Due ready = new Due(What.READY_TIMEOUT, service.name, worker.id);
        BrokerState.require(
            worker.state != WorkerState.STARTING
                || worker.failure != null
                || deadlines.of(ready).isPresent(),
            "who starts has a deadline");
      }
      BrokerState.require(
          service.nextStart == null
              || deadlines.of(new Due(What.RESTART, service.name, 0)).isPresent(),
          "a failing service is tried again");
    }
    BrokerState.require(
        byWorker.keySet().equals(new HashSet<>(known)), "no worker without a service");
  }
}
