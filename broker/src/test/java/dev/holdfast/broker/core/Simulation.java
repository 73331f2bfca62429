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
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The life of a broker as one seed makes it; each step is followed by what must hold. */
final class Simulation {

  static final int OWN_UID = 100;

  /** How long a lease stays that cannot be followed, for its holder to come back. */
  static final Duration RESTORE_TIME = Duration.ofSeconds(30);

  private static final long INSPECTOR = Long.MAX_VALUE;
  private static final int STORED = 4;
  private static final int HISTORY = Integer.getInteger("holdfast.history", 60);
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
  private final FakeJournal journal = new FakeJournal();
  private final int restarts; // one in so many steps
  private BrokerState state = new BrokerState(OWN_UID, "t-");
  private boolean written = true; // all that has happened
  private int lives = 1;
  private boolean acts = true; // the broker before it had come so far
  private List<Effect> performed = new ArrayList<>();
  private final Deque<Supplier<String>> history = new ArrayDeque<>(); // spelled when it is read
  private Instant now = Instant.ofEpochSecond(1_000_000);
  private long lastConnection;
  private int lastPid = 1;
  private int lastVersion;
  private long lastDescriptor;
  private int lastHolder;
  private Answer.Listing before = new Answer.Listing(List.of(), List.of(), List.of(), List.of());

  Simulation(long seed) {
    random = new SplittableRandom(seed);
    world = new FakeWorld(random);
    restarts = new int[] {20, 150, 150, 1000, 100_000}[random.nextInt(5)];
    journal.create(state);
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
          "step "
              + i
              + ": "
              + e.getMessage()
              + "\n"
              + history.stream().map(Supplier::get).collect(Collectors.joining("\n")),
          e);
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
    if (random.nextInt(restarts) == 0 && !world.finished) {
      replaceBroker();
      return;
    }
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
    } else if (dice < 83) {
      pick(world.stopped)
          .filter(world.leases::containsKey)
          .ifPresent(lease -> world.events.add(new Event.Asked(lease)));
    } else {
      pick(world.connections.keySet()).ifPresent(this::call);
    }
  }

  private void expire(Instant moment) {
    now = moment;
    world.workers.clock(now);
    world.retrying(true);
    perform(state.expire(now), () -> "expire " + moment);
    world.retrying(false);
    settle();
  }

  private void settle() {
    journal.write(state);
    world.settled();
    written = true;
  }

  // ---- from one broker to the next

  private void replaceBroker() {
    switch (random.nextInt(5)) {
      case 0, 1, 2 -> crash();
      case 3 -> handOver();
      default -> rehearse();
    }
  }

  private void crash() {
    boolean exact = written;
    List<Entry> entries = journal.read(random);
    if (random.nextBoolean()) {
      now = now.plusMillis(random.nextInt(20_000));
      world.workers.clock(now);
    }
    FakeWorld.Inheritance from = world.crash(entries, now, exact);
    String crashed = "CRASH " + (exact ? "" : "before all was written ") + from.survivors();
    note(() -> crashed);
    begin(entries, List.of(), from);
    if (random.nextInt(4) == 0) {
      return; // and again, perhaps, before it has read its configuration
    }
    reload();
  }

  private void handOver() {
    while (!world.events.isEmpty()) {
      apply(world.events.remove());
      check();
    }
    settle();
    if (world.hasChangesUnderWay() || world.workers.isSpawning() || world.shutDown) {
      return;
    }
    List<Entry> entries = state.entries();
    List<Link> links = links();
    Answer.Listing was = listing();
    FakeWorld.Inheritance from =
        new FakeWorld.Inheritance(world.handOver(entries, now), world.lost.isEmpty());
    String handedOver = "HANDOVER " + links + " " + from.survivors();
    note(() -> handedOver);
    begin(entries, links, from);
    require(was.leases().equals(before.leases()), "leases are what they were");
    reload();
  }

  /** A successor that fails before it acts: nothing was changed by it. */
  private void rehearse() {
    if (!world.events.isEmpty()
        || !written
        || world.hasChangesUnderWay()
        || world.workers.isSpawning()
        || world.shutDown) {
      return;
    }
    List<Entry> entries = state.entries();
    Survivors survivors = world.survivors(entries);
    BrokerState successor = new BrokerState(OWN_UID, "r-");
    List<Link> links = links();
    Event.Remembered all = new Event.Remembered(world.config, entries, links, survivors);
    RestartChecks.checkOnlyWatches(successor.apply(all, now));
    successor.check();
    RestartChecks.checkRemembered(entries, successor.entries(), survivors);
    require(
        Set.copyOf(successor.links()).containsAll(state.links()),
        "what connections wait for is handed over");
    journal.write(state);
  }

  /** Every connection, also one that waits for nothing. */
  private List<Link> links() {
    List<Link> links = new ArrayList<>(state.links());
    Set<Long> known = new HashSet<>();
    links.forEach(each -> require(known.add(each.connection()), "one link for a connection"));
    require(world.connections.keySet().containsAll(known), "who waits is there");
    for (FakeWorld.Connection each : world.connections.values()) {
      if (!known.contains(each.caller.connection())) {
        require(each.call == null, "who waits is known: " + each.call);
        links.add(new Link(each.caller.connection(), null, false, null));
      }
    }
    return links;
  }

  private void begin(List<Entry> entries, List<Link> links, FakeWorld.Inheritance from) {
    List<Link> old = state.links();
    state = new BrokerState(OWN_UID, "t" + ++lives + "-");
    BrokerConfig rights = random.nextInt(3) == 0 ? configuration() : world.config;
    world.config = inherited(rights, entries);
    Event.Remembered all = new Event.Remembered(rights, entries, links, from.survivors());
    List<Effect> effects = state.apply(all, now);
    performed = new ArrayList<>();
    perform(effects, () -> "Remembered " + entries);
    RestartChecks.checkOnlyWatches(effects);
    state.check();
    RestartChecks.checkRemembered(entries, state.entries(), from.survivors());
    require(
        !from.survivors().handedOver() || Set.copyOf(state.links()).containsAll(old),
        "what connections wait for is handed over");
    require(world.workers.allFollowed(), "all workers that live are followed");
    journal.create(state);
    written = true;
    if (random.nextInt(10) == 0 && !from.survivors().handedOver()) {
      acts = false;
      crash(); // at once, again
      return;
    }
    Answer.Listing remembered = RestartChecks.alive(listing(), from.survivors().workers());
    world.watchAgain();
    world.notices.clear();
    before = remembered;
    world.retrying(true);
    boolean acted = acts;
    acts = true;
    apply(new Event.Resumed());
    world.retrying(false);
    state.check();
    RestartChecks.checkResumed(
        entries,
        new FakeWorld.Inheritance(from.survivors(), acted && from.undisturbed()),
        remembered,
        listing(),
        performed,
        world);
    check();
  }

  /** The configuration of a new broker, until it reads its file. */
  private static BrokerConfig inherited(BrokerConfig rights, List<Entry> entries) {
    TreeMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
    TreeMap<String, ServiceConfig> services = new TreeMap<>();
    for (Entry each : entries) {
      if (each instanceof Entry.OfListener listener && listener.configured()) {
        listeners.put(listener.name(), listener.config());
      } else if (each instanceof Entry.OfService service && !service.removed()) {
        services.put(service.name(), service.wanted());
      }
    }
    return new BrokerConfig(
        rights.control(), rights.store(), rights.retrieve(), rights.limits(), listeners, services);
  }

  /** The file as it is now. */
  private void reload() {
    Event reload =
        new Event.Configured(
            BrokerState.NOBODY, random.nextInt(3) == 0 ? configuration() : world.config);
    world.called(BrokerState.NOBODY, reload);
    apply(reload);
    check();
  }

  // ---- the end of a life

  /** From here on nothing fails by chance, and nobody asks for anything new. */
  private void calmDown() {
    world.workers.calm = true;
    world.ghosts.clear();
    int most = 600;
    for (int i = 0; i < most && !isSettled(); i++) {
      quietly();
      state.nextDeadline().ifPresent(this::goOn);
    }
    quietly();
    require(
        listing().listeners().stream().noneMatch(world::canBeBound),
        "a lost listener is bound when it can be");
    ServiceChecks.checkTargets(listing(), world, now);
    ServiceChecks.checkSockets(listing(), world);
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
        && listing().listeners().stream().noneMatch(world::canBeBound)
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
    if (!world.shutDown || random.nextBoolean()) {
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
    for (Entry each : state.entries()) {
      if (each instanceof Entry.OfLease lease && lease.worker() == 0) {
        world.grant(lease.lease()).deadline = lease.deadline(); // another than somebody asked for
      }
    }
    check();
  }

  private void apply(Event event) {
    if (event instanceof Event.ConnectionClosed closed) {
      connection(closed.connection()).brokerKnowsItClosed = true;
      world.told(closed);
    }
    if (event instanceof Event.Bound bound) {
      world.told(bound.transaction());
    } else if (event instanceof Event.BindFailed failed) {
      world.told(failed.transaction());
    }
    world.workers.telling(event);
    written = false;
    perform(state.apply(event, now), event::toString);
    world.toldAll();
    world.workers.told(event);
    if (random.nextInt(4) > 0) {
      settle();
    }
    if (event instanceof Event.ConnectionClosed closed) {
      world.connections.remove(closed.connection());
    }
  }

  private void perform(List<Effect> effects, Supplier<String> cause) {
    note(() -> cause.get() + "\n    => " + effects);
    performed.addAll(effects);
    effects.forEach(effect -> effect.perform(world));
  }

  private void note(Supplier<String> line) {
    if (history.size() >= HISTORY) {
      history.remove();
    }
    history.add(line);
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
      world.connections.put(lastConnection, new FakeWorld.Connection(caller, own));
      return;
    }
    Optional<Integer> alive = pick(world.processes.keySet());
    int pid = alive.isPresent() && random.nextBoolean() ? alive.get() : ++lastPid;
    Caller known = world.processes.get(pid);
    int uid = known == null ? UIDS[random.nextInt(UIDS.length)] : known.uid();
    int shown = known == null ? (random.nextInt(8) == 0 ? 0 : pid) : known.pid();
    List<Integer> groups = uid == 1002 ? List.of(50) : List.of();
    Caller caller = new Caller(++lastConnection, shown, uid, uid, groups);
    world.processes.put(pid, caller);
    world.connections.put(lastConnection, new FakeWorld.Connection(caller, pid));
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
    world.adopting.remove(id);
    if (call instanceof Event.Store store) {
      world.kept.add(store.descriptor());
    } else if (call instanceof Event.Adopted) {
      world.adopting.put(id, lastHolder);
    }
    world.called(id, call);
    world.restored = null;
    Set<ListenerName> right = call instanceof Event.Restore back ? right(back) : Set.of();
    apply(call);
    List<ListenerName> accepted = world.restored;
    if (accepted != null) {
      require(accepted.containsAll(right), "what is right is taken back: " + right);
    }
  }

  /** Those that the broker cannot but believe: what it has, or what was lost. */
  private Set<ListenerName> right(Event.Restore call) {
    Set<ListenerName> right = new HashSet<>();
    Set<ListenerName> wrong = new HashSet<>();
    FakeWorld.Grant grant = world.leases.get(call.lease());
    for (Offered each : call.offered()) {
      FakeWorld.Socket socket = world.offered.get(each.descriptor());
      ListenerConfig wanted = world.expected.get(each.listener());
      boolean current =
          socket != null
              && grant != null
              && isHeld(call.lease(), each.listener(), socket)
              && wanted != null
              && wanted.idle() != IdlePolicy.REFUSE
              && each.endpoint().equals(socket.bound.endpoint())
              && each.proof().equals(socket.bound.proof())
              && each.listening() == socket.bound.kind().listens()
              && world.sockets.get(socket.bound.id()) == socket
              && before.listeners().stream()
                  .anyMatch(
                      view ->
                          view.name().equals(each.listener())
                              && socket.bound.equals(view.socket()));
      (current ? right : wrong).add(each.listener());
    }
    right.removeAll(wrong);
    return right;
  }

  /** Whether that is what the lease was given; it may have been bound anew since. */
  private boolean isHeld(LeaseId lease, ListenerName name, FakeWorld.Socket socket) {
    return world.memory.getOrDefault(lease, List.of()).stream()
        .anyMatch(held -> held.listener().equals(name) && held.socket() == socket);
  }

  private Event restore(Caller caller) {
    LeaseId lease = leaseOf(caller);
    if (random.nextInt(3) > 0) {
      lease = ownLease(caller).orElse(lease);
    }
    List<Offered> offered = new ArrayList<>();
    for (FakeWorld.Held held : world.memory.getOrDefault(lease, List.of())) {
      if (random.nextInt(8) > 0) {
        offered.add(offer(held.listener(), held.socket()));
      }
    }
    if (random.nextInt(4) == 0) {
      pick(world.sockets.values()).ifPresent(other -> offered.add(offer(name(), other)));
    }
    return new Event.Restore(caller, lease, offered);
  }

  /** It, or another socket that is like it but in one thing. */
  private Offered offer(ListenerName name, FakeWorld.Socket socket) {
    BoundSocket bound = socket.bound;
    world.offered.put(++lastDescriptor, socket);
    int dice = random.nextInt(40);
    BoundSocket given = dice < 4 ? like(bound, dice) : bound;
    if (!given.equals(bound)) {
      FakeWorld.Socket other = new FakeWorld.Socket(given, socket.config);
      other.listening = socket.listening;
      world.offered.put(lastDescriptor, other);
      world.others.add(lastDescriptor);
    }
    boolean listening = socket.listening && given.kind().listens();
    return new Offered(
        dice == 4 ? name() : name,
        lastDescriptor,
        given.endpoint(),
        given.kind(),
        dice == 5 ? !listening : listening,
        given.proof());
  }

  private static BoundSocket like(BoundSocket it, int what) {
    SocketProof proof = it.proof();
    SocketKind other = it.kind().listens() ? SocketKind.DATAGRAM : SocketKind.STREAM;
    return new BoundSocket(
        it.id(),
        what == 0 ? "tcp:[::]:1" : it.endpoint(),
        what == 1 ? other : it.kind(),
        it.port(),
        new SocketProof(
            what == 2 ? 7 : proof.inode(),
            what == 3 && proof.cookie() != 0 ? 7 : proof.cookie(),
            proof.path()));
  }

  private Optional<LeaseId> ownLease(Caller caller) {
    return pick(
        world.leases.entrySet().stream()
            .filter(
                each ->
                    each.getValue().request.caller().uid() == caller.uid()
                        && each.getValue().request.caller().pid() == caller.pid())
            .map(Map.Entry::getKey)
            .toList());
  }

  /** Another process has a listener, of which nobody here ever heard. */
  private Event adopted(Caller caller) {
    Optional<Integer> some = pick(world.processes.keySet());
    Caller process = some.map(world.processes::get).orElse(caller);
    lastHolder = some.orElse(0);
    ListenerConfig config = listener();
    while (config.isStopped()
        || config.companion() instanceof Companion.AbstractName
        || config.spec().toString().startsWith("udp")) {
      config = listener();
    }
    BoundSocket bound = world.main(config.spec());
    FakeWorld.Socket socket = new FakeWorld.Socket(bound, config);
    socket.listening = true;
    socket.holders.add(lastHolder);
    world.sockets.put(bound.id(), socket);
    Caller holder =
        new Caller(
            caller.connection(), process.pid(), process.uid(), process.gid(), process.groups());
    return new Event.Adopted(caller, name(), config, bound, holder, "web", 15);
  }

  private Event randomCall(long id, Caller caller) {
    return switch (random.nextInt(33)) {
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
      case 26, 27, 28, 29 -> restore(caller);
      case 30 -> adopted(caller);
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
      if (process.pid == caller.pid() && process.pid != 0) {
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
    if (!world.events.isEmpty()) {
      return; // something fell due
    }
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
          view.socket() == null || !view.config().isStopped(),
          view.name() + " has no socket when it was stopped");
      if (view.socket() == null && !view.config().isStopped()) {
        checkLost(view);
      } else {
        world.lost.remove(view.name());
      }
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

  /** It has no holder, but not for ever. */
  private void checkLost(Answer.ListenerView view) {
    require(world.lost.contains(view.name()), view.name() + " has a holder unless it was stopped");
    require(view.state().equals("failed"), view.name() + " says that it has no socket");
    require(
        state.nextDeadline().filter(at -> !at.isAfter(now.plusSeconds(5))).isPresent(),
        view.name() + " is tried again");
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
        if (!isAwaited(each.getValue())) {
          following.add(each.getKey());
          require(
              world.processes.containsKey(each.getValue().process),
              "a lease ends with its process: " + each.getKey());
        }
      } else if (!isAwaited(each.getValue())) {
        require(
            world.connections.containsKey(each.getValue().connection),
            "a lease ends with its connection: " + each.getKey());
      }
    }
    require(world.leases.keySet().containsAll(world.notifySockets), "notify sockets have leases");
    require(
        world.leases.keySet().containsAll(world.workers.observed.keySet()),
        "who is looked at has a lease");
    require(following.equals(world.followed.keySet()), "processes are followed while they hold");
  }

  /** Whether its holder may come back for it; not for ever. */
  private boolean isAwaited(FakeWorld.Grant grant) {
    Instant until = grant.restoreUntil;
    require(
        until == null || until.isAfter(now),
        "a lease is not kept for ever for its holder: " + grant.request + " " + until);
    return until != null;
  }

  private void checkCalls() {
    require(world.offered.isEmpty(), "what is offered is taken or closed");
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
