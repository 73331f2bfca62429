package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.FakeWorld.require;

import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The life of a broker as one seed makes it; each step is followed by what must hold. */
final class Simulation {

  static final int OWN_UID = 100;

  private static final long INSPECTOR = Long.MAX_VALUE;
  private static final int STORED = 4;
  private static final int[] UIDS = {0, OWN_UID, 1000, 1000, 1001, 1002};
  private static final String[] SPECS = {
    "8000",
    "8000",
    "8001",
    "8001",
    "-8001",
    "8002",
    "8003",
    "unix:/a",
    "unix:/b",
    "unix:@c",
    "udp:9000",
    "0",
    "0"
  };

  private final SplittableRandom random;
  private final FakeWorld world;
  private final BrokerState state = new BrokerState(OWN_UID, "t-");
  private final Deque<String> history = new ArrayDeque<>();
  private Instant now = Instant.ofEpochSecond(1_000_000);
  private long lastConnection;
  private int lastPid = 1;
  private int lastVersion;
  private long lastDescriptor;
  private Answer.Listing before = new Answer.Listing(List.of(), List.of(), List.of(), List.of());

  Simulation(long seed) {
    random = new SplittableRandom(seed);
    world = new FakeWorld(random);
  }

  void run(long steps) {
    long i = 0;
    try {
      for (; i < steps; i++) {
        step();
        check();
      }
      calmDown();
      if (random.nextBoolean()) {
        end();
      }
    } catch (RuntimeException e) {
      throw new AssertionError(
          "step " + i + ": " + e.getMessage() + "\n" + String.join("\n", history), e);
    }
  }

  private void check() {
    state.check();
    checkPromises();
    Answer.Listing after = listing();
    ServiceChecks.check(before, after, world, now);
    before = after;
    world.notices.clear();
    world.spawned = false;
    world.several = false;
    if (world.events.isEmpty()) {
      checkWorld();
    }
  }

  private void step() {
    int dice = random.nextInt(100);
    if (dice < 50 && !world.events.isEmpty()) {
      apply(world.events.remove());
    } else if (dice < 56) {
      connect();
    } else if (dice < 59) {
      pick(world.connections.keySet()).ifPresent(id -> world.close(id, connection(id)));
    } else if (dice < 60) {
      pick(world.processes.keySet()).ifPresent(world::kill);
    } else if (dice < 62) {
      pick(world.sockets.values()).filter(each -> each.listening).ifPresent(this::disturb);
    } else if (dice < 63) {
      Event reload = new Event.Configured(BrokerState.NOBODY, configuration());
      world.called(BrokerState.NOBODY, reload);
      apply(reload);
    } else if (dice < 66) {
      expire(now.plusMillis(random.nextInt(2000)));
    } else if (dice < 68) {
      pick(world.sockets.values()).ifPresent(world::connect);
    } else if (dice < 69) {
      pick(world.workers.observed.keySet())
          .filter(lease -> world.notifySockets.contains(lease))
          .ifPresent(
              lease -> {
                world.workers.observed.remove(lease);
                world.events.add(new Event.Seen(lease));
              });
    } else if (dice < 82) {
      pick(world.workers.processes.values()).ifPresent(world.workers::actAtRandom);
    } else {
      pick(world.connections.keySet()).ifPresent(this::call);
    }
  }

  private void expire(Instant moment) {
    now = moment;
    world.workers.clock(now);
    perform(state.expire(now), "expire " + now);
  }

  // ---- the end of a life

  /** From here on nothing fails by chance, and nobody asks for anything new. */
  private void calmDown() {
    world.workers.calm = true;
    int most = 600;
    for (int i = 0; i < most && !isSettled(); i++) {
      quietly();
      state.nextDeadline().ifPresent(this::goOn);
    }
    quietly();
    ServiceChecks.checkTargets(listing(), world, now);
    checkNobodyWaits();
    Map<String, Instant> started = new TreeMap<>();
    for (int i = 0; i < 20 && state.nextDeadline().isPresent(); i++) {
      goOn(state.nextDeadline().get());
      quietly();
      ServiceChecks.checkBackoff(listing(), started, now);
    }
  }

  private boolean isSettled() {
    quietly();
    return ServiceChecks.isSettled(listing(), world, now)
        && world.connections.values().stream()
            .allMatch(each -> each.call == null || each.streaming);
  }

  private void goOn(Instant moment) {
    now = moment.isBefore(now) ? now : moment;
    world.workers.clock(now);
    world.workers.sayAlive();
    while (!world.events.isEmpty()) {
      apply(world.events.remove());
      check();
    }
    expire(now);
    check();
  }

  /** Lets everything happen that happens without time. */
  private void quietly() {
    for (int i = 0; i < 10_000; i++) {
      if (!world.events.isEmpty()) {
        apply(world.events.remove());
        check();
      } else {
        Optional<FakeWorkers.Program> busy =
            world.workers.processes.values().stream().filter(world.workers::isBusy).findFirst();
        if (busy.isEmpty()) {
          return;
        }
        world.workers.act(busy.get());
      }
    }
    throw new IllegalStateException("broken: things go on happening without time");
  }

  private void end() {
    world.workers.calm = false;
    boolean alone = random.nextBoolean();
    shutDown(alone);
    for (int i = random.nextInt(200); i > 0; i--) {
      step();
      check();
    }
    if (random.nextBoolean()) {
      shutDown(alone);
    }
    world.workers.calm = true;
    quietly();
    for (int i = 0; i < 600 && !world.finished; i++) {
      Optional<Instant> next = state.nextDeadline();
      require(next.isPresent(), "the end is not awaited for ever");
      goOn(next.orElseThrow());
      quietly();
    }
    require(world.finished, "the broker ends");
    checkNobodyWaits();
  }

  private void shutDown(boolean alone) {
    world.shutDown = true;
    apply(new Event.ShutDown(alone));
    check();
  }

  private void apply(Event event) {
    if (event instanceof Event.ConnectionClosed closed) {
      connection(closed.connection()).brokerKnowsItClosed = true;
      world.told(closed);
    }
    if (event instanceof Event.Bound || event instanceof Event.BindFailed) {
      world.told();
    }
    world.workers.telling(event);
    perform(state.apply(event, now), event.toString());
    world.workers.told(event);
    if (event instanceof Event.ConnectionClosed closed) {
      world.connections.remove(closed.connection());
    }
  }

  private void perform(List<Effect> effects, String cause) {
    if (history.size() == 40) {
      history.remove();
    }
    history.add(cause + "\n    => " + effects);
    effects.forEach(effect -> effect.perform(world));
  }

  // ---- what happens

  private void connect() {
    if (world.connections.size() >= 24) {
      return;
    }
    Optional<FakeWorkers.Program> worker =
        random.nextInt(3) == 0 ? pick(world.workers.processes.values()) : Optional.empty();
    if (worker.isPresent() && worker.get().runs) {
      int own = worker.get().pid;
      Caller caller = new Caller(++lastConnection, own, OWN_UID, OWN_UID, List.of());
      world.connections.put(lastConnection, new FakeWorld.Connection(caller));
      return;
    }
    Optional<Integer> alive = pick(world.processes.keySet());
    int pid = alive.isPresent() && random.nextBoolean() ? alive.get() : ++lastPid;
    Caller known = world.processes.get(pid);
    int uid = known == null ? UIDS[random.nextInt(UIDS.length)] : known.uid();
    List<Integer> groups = uid == 1002 ? List.of(50) : List.of();
    Caller caller = new Caller(++lastConnection, pid, uid, uid, groups);
    world.processes.put(pid, caller);
    world.connections.put(lastConnection, new FakeWorld.Connection(caller));
  }

  private void disturb(FakeWorld.Socket socket) {
    if (random.nextBoolean() && socket.bound.kind().listens()) {
      world.shutDown(socket);
    } else {
      world.events.add(
          new Event.Audited(socket.bound.id(), random.nextBoolean(), random.nextBoolean()));
    }
  }

  private void call(long id) {
    FakeWorld.Connection connection = connection(id);
    if (!connection.open || connection.call != null) {
      return;
    }
    Event call = randomCall(id, connection.caller);
    connection.call = call;
    connection.begun = false;
    connection.streaming =
        call instanceof Event.Watch || (call instanceof Event.Await await && await.more());
    if (call instanceof Event.Store store) {
      world.kept.add(store.descriptor());
    }
    world.called(id, call);
    apply(call);
  }

  private Event randomCall(long id, Caller caller) {
    return switch (random.nextInt(28)) {
      case 0, 1, 2, 3, 4 -> acquire(caller);
      case 5, 6 -> new Event.Ready(caller, leaseOf(caller));
      case 7, 8 -> new Event.Release(caller, leaseOf(caller));
      case 9, 10 -> new Event.Await(caller, leaseOf(caller), random.nextInt(4) > 0);
      case 11 ->
          new Event.Store(caller, "s" + random.nextInt(STORED + 3), "file", ++lastDescriptor);
      case 12 -> new Event.Retrieve(caller, "s" + random.nextInt(6), random.nextBoolean());
      case 13, 14 -> new Event.Listen(caller, name(), listener());
      case 15 -> new Event.Close(caller, name());
      case 16 -> new Event.ListAll(caller);
      case 17 -> new Event.Watch(caller);
      case 18 -> new Event.Drain(caller, lease(), deadline());
      case 19, 20 -> new Event.Restart(caller, service(), random.nextInt(3) == 0, patience());
      case 21 -> new Event.Scale(caller, service(), random.nextInt(5));
      case 22 -> new Event.Stop(caller, service());
      case 23, 24, 25 -> new Event.Start(caller, service());
      default -> new Event.Configured(id, configuration());
    };
  }

  private Optional<Duration> patience() {
    return random.nextInt(3) == 0 ? Optional.of(Duration.ofSeconds(9)) : Optional.empty();
  }

  private String service() {
    return "s" + random.nextInt(4);
  }

  /** That of the worker which calls; of anybody, when it is another. */
  private LeaseId leaseOf(Caller caller) {
    for (FakeWorkers.Program process : world.workers.processes.values()) {
      if (process.pid == caller.pid()) {
        return process.order.lease();
      }
    }
    return lease();
  }

  private Event acquire(Caller caller) {
    Set<ListenerName> names = new HashSet<>();
    for (int i = random.nextInt(3); i >= 0; i--) {
      names.add(name());
    }
    String service = random.nextBoolean() ? (random.nextInt(3) == 0 ? service() : "web") : null;
    boolean replace = service != null && random.nextBoolean();
    Hold hold = random.nextBoolean() ? Hold.PROCESS : Hold.CONNECTION;
    boolean program = hold == Hold.PROCESS && random.nextInt(3) == 0;
    int signal = random.nextBoolean() ? 15 : 0;
    return new Event.Acquire(caller, List.copyOf(names), hold, service, replace, program, signal);
  }

  private Optional<Instant> deadline() {
    return random.nextBoolean()
        ? Optional.of(now.plusMillis(random.nextInt(10_000) - 500))
        : Optional.empty();
  }

  private LeaseId lease() {
    return pick(world.leases.keySet()).orElse(new LeaseId("t-0"));
  }

  private ListenerName name() {
    return ListenerName.parse("n" + random.nextInt(6));
  }

  private ListenerConfig listener() {
    try {
      ListenSpec spec = ListenSpec.parse(SPECS[random.nextInt(SPECS.length)]);
      boolean tcp = spec.toString().matches("-?80\\d\\d");
      return new ListenerConfig(
          spec,
          random.nextInt(3) + 1,
          random.nextInt(4) == 0,
          one(IdlePolicy.values()),
          tcp && random.nextInt(3) == 0 ? new Companion.AbstractName() : new Companion.None(),
          principals(),
          SocketSettings.DEFAULT);
    } catch (InvalidSpecException e) {
      throw new AssertionError(e);
    }
  }

  private List<Principal> principals() {
    return switch (random.nextInt(4)) {
      case 0 -> List.of();
      case 1 -> List.of(new Principal.User(1000));
      case 2 -> List.of(new Principal.Group(50));
      default -> List.of(new Principal.Everybody());
    };
  }

  /** Most of it as it was, so that a reload has something to leave alone. */
  private BrokerConfig configuration() {
    TreeMap<ListenerName, ListenerConfig> listeners = new TreeMap<>(state.config().listeners());
    for (int i = random.nextInt(3); i > 0; i--) {
      if (random.nextInt(3) == 0) {
        listeners.remove(name());
      } else {
        listeners.put(name(), listener());
      }
    }
    return new BrokerConfig(
        principals(),
        principals(),
        principals(),
        new BrokerConfig.Limits(
            9, Duration.ZERO, Duration.ZERO, STORED, Duration.ofSeconds(3), Duration.ZERO),
        listeners,
        services(listeners));
  }

  private SortedMap<String, ServiceConfig> services(Map<ListenerName, ListenerConfig> listeners) {
    TreeMap<String, ServiceConfig> services = new TreeMap<>(state.config().services());
    String name = "s" + random.nextInt(3);
    switch (random.nextInt(6)) {
      case 0 -> services.remove(name);
      case 1, 2, 3 -> pick(listeners.keySet()).ifPresent(own -> services.put(name, service(own)));
      case 4 -> services.computeIfPresent(name, (key, value) -> resized(value));
      default -> {}
    }
    if (random.nextInt(5) > 0) {
      services.values().removeIf(each -> !listeners.keySet().containsAll(each.listeners()));
    }
    return services;
  }

  private ServiceConfig service(ListenerName first) {
    FakeWorkers.Version version =
        new FakeWorkers.Version(
            ++lastVersion,
            random.nextInt(4) > 0
                ? FakeWorkers.Version.Kind.WORKS
                : one(FakeWorkers.Version.Kind.values()),
            1 + random.nextInt(3),
            random.nextBoolean() ? Duration.ZERO : Duration.ofMillis(200));
    ListenerName second = name();
    boolean two = !second.equals(first) && random.nextInt(3) == 0;
    return new ServiceConfig(
        version.launch(),
        two ? List.of(first, second) : List.of(first),
        1 + random.nextInt(4),
        new ServiceConfig.Readiness(
            one(ReadyWhen.values()), Duration.ofSeconds(5), version.settle()),
        new ServiceConfig.Stopping(15, Duration.ofSeconds(3)),
        new ServiceConfig.Restarts(version.surge(), ServiceChecks.DELAY, ServiceChecks.LONGEST),
        0,
        random.nextInt(4) == 0 ? Duration.ofSeconds(4) : null,
        random.nextBoolean() ? Duration.ofSeconds(2) : null);
  }

  /** What no worker has to be restarted for. */
  private ServiceConfig resized(ServiceConfig like) {
    return new ServiceConfig(
        like.launch(),
        like.listeners(),
        1 + random.nextInt(4),
        like.ready(),
        like.stop(),
        like.restarts(),
        like.stored(),
        like.watchdog(),
        random.nextBoolean() ? Duration.ofSeconds(2) : null);
  }

  private FakeWorld.Connection connection(long id) {
    FakeWorld.Connection connection = world.connections.get(id);
    if (connection == null) {
      throw new IllegalStateException("no connection " + id);
    }
    return connection;
  }

  private <T> T one(T[] of) {
    return of[random.nextInt(of.length)];
  }

  private <T> Optional<T> pick(Collection<T> from) {
    return from.isEmpty()
        ? Optional.empty()
        : from.stream().skip(random.nextInt(from.size())).findFirst();
  }

  // ---- what must hold

  /** What holds at any time, whatever is still on its way. */
  private void checkPromises() {
    require(state.config().equals(world.config), "the configuration is the one last taken over");
    require(state.leaseCount() == world.leases.size(), "as many leases as were granted");
    require(
        state.storedCount() == world.kept.size(), "stored descriptors are kept, others are not");
    require(
        state.config().equals(BrokerConfig.EMPTY) || state.storedCount() <= STORED,
        "the limit of stored descriptors");
  }

  /** What holds when everything that happened was told. */
  private void checkWorld() {
    checkDeadlines();
    checkLeases();
    checkCalls();
    Set<Long> seen = new HashSet<>();
    Set<ListenerName> names = new HashSet<>();
    for (Answer.ListenerView view : listing().listeners()) {
      names.add(view.name());
      require(
          view.config().equals(world.expected.get(view.name())),
          view.name() + " is as it was asked for");
      require(
          (view.socket() == null) == view.config().isStopped(),
          view.name() + " has a holder unless it was stopped");
      for (@Nullable BoundSocket bound : new BoundSocket[] {view.socket(), view.companion()}) {
        if (bound != null) {
          require(seen.add(bound.id()), "a socket has one listener");
          checkSocket(view, bound);
        }
      }
    }
    require(names.equals(world.expected.keySet()), "listeners are those that were asked for");
    require(seen.equals(world.sockets.keySet()), "a socket without listener is closed");
  }

  private Answer.Listing listing() {
    Caller root = new Caller(INSPECTOR, 1, 0, 0, List.of());
    Effect.Reply reply = (Effect.Reply) state.apply(new Event.ListAll(root), now).get(0);
    return (Answer.Listing) reply.answer();
  }

  private void checkSocket(Answer.ListenerView view, BoundSocket bound) {
    FakeWorld.Socket socket = world.sockets.get(bound.id());
    if (socket == null) {
      throw new IllegalStateException("broken: " + view.name() + " has a socket that is closed");
    }
    require(socket.config.equals(view.config()), view.name() + " has its options");
    require(socket.audited == view.leases() > 0, view.name() + " is audited while leased");
    boolean wanted = view.config().idle() != IdlePolicy.REFUSE || view.leases() > 0;
    require(
        socket.listening == wanted || view.state().equals("failed") || !bound.kind().listens(),
        view.name() + (wanted ? " listens" : " refuses"));
  }

  private void checkLeases() {
    Set<LeaseId> following = new HashSet<>();
    for (Map.Entry<LeaseId, FakeWorld.Grant> each : world.leases.entrySet()) {
      Event.Acquire request = each.getValue().request;
      if (each.getValue().worker != 0) {
        require(
            world.workers.processes.containsKey(each.getValue().worker),
            "the lease of a worker ends with it");
      } else if (request.hold() == Hold.PROCESS) {
        following.add(each.getKey());
        require(
            world.processes.containsKey(request.caller().pid()), "a lease ends with its process");
      } else {
        require(
            world.connections.containsKey(request.caller().connection()),
            "a lease ends with its connection");
      }
    }
    require(world.leases.keySet().containsAll(world.notifySockets), "notify sockets have leases");
    require(
        world.leases.keySet().containsAll(world.workers.observed.keySet()),
        "who is looked at has a lease");
    require(following.equals(world.followed.keySet()), "processes are followed while they hold");
  }

  private void checkCalls() {
    require(!world.hasChangesUnderWay(), "a reload by signal has its outcome");
    world.connections.forEach(
        (id, connection) ->
            require(
                connection.call == null || connection.streaming || isOfService(connection.call),
                "a call is answered: " + connection.call));
  }

  /** Those are answered step by step, as long as it takes. */
  private static boolean isOfService(Event call) {
    return call instanceof Event.Restart
        || call instanceof Event.Scale
        || call instanceof Event.Start
        || call instanceof Event.Stop;
  }

  /** Nobody waits for ever. */
  private void checkNobodyWaits() {
    world.connections.forEach(
        (id, connection) ->
            require(
                connection.call == null || connection.streaming,
                "who waits for a service is answered: " + connection.call));
  }

  private void checkDeadlines() {
    expire(now);
    require(
        state.nextDeadline().map(at -> at.isAfter(now)).orElse(true), "no deadline is in the past");
    List<Instant> ends = new ArrayList<>();
    for (FakeWorld.Grant grant : world.leases.values()) {
      grant.deadline.ifPresent(ends::add);
    }
    for (Instant end : ends) {
      require(end.isAfter(now), "a lease ends at its deadline");
      require(
          state.nextDeadline().map(at -> !at.isAfter(end)).orElse(false), "who drains is awaited");
    }
  }
}
