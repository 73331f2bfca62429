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
  private long lastDescriptor;

  Simulation(long seed) {
    random = new SplittableRandom(seed);
    world = new FakeWorld(random);
  }

  void run(long steps) {
    for (long i = 0; i < steps; i++) {
      try {
        step();
        state.check();
        checkPromises();
        if (world.events.isEmpty()) {
          checkWorld();
        }
      } catch (RuntimeException e) {
        throw new AssertionError(
            "step " + i + ": " + e.getMessage() + "\n" + String.join("\n", history), e);
      }
    }
  }

  private void step() {
    int dice = random.nextInt(100);
    if (dice < 50 && !world.events.isEmpty()) {
      apply(world.events.remove());
    } else if (dice < 58) {
      connect();
    } else if (dice < 61) {
      pick(world.connections.keySet()).ifPresent(id -> world.close(id, connection(id)));
    } else if (dice < 63) {
      pick(world.processes.keySet()).ifPresent(world::kill);
    } else if (dice < 66) {
      pick(world.sockets.values()).filter(each -> each.listening).ifPresent(this::disturb);
    } else if (dice < 67) {
      Event reload = new Event.Configured(BrokerState.NOBODY, configuration());
      world.called(BrokerState.NOBODY, reload);
      apply(reload);
    } else if (dice < 70) {
      now = now.plusMillis(random.nextInt(2000));
      perform(state.expire(now), "expire " + now);
    } else {
      pick(world.connections.keySet()).ifPresent(this::call);
    }
  }

  private void apply(Event event) {
    if (event instanceof Event.ConnectionClosed closed) {
      connection(closed.connection()).brokerKnowsItClosed = true;
      world.told(closed);
    }
    perform(state.apply(event, now), event.toString());
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
    connection.streaming =
        call instanceof Event.Watch || (call instanceof Event.Await await && await.more());
    if (call instanceof Event.Store store) {
      world.kept.add(store.descriptor());
    }
    world.called(id, call);
    apply(call);
  }

  private Event randomCall(long id, Caller caller) {
    return switch (random.nextInt(20)) {
      case 0, 1, 2, 3, 4 -> acquire(caller);
      case 5, 6 -> new Event.Ready(caller, lease());
      case 7, 8 -> new Event.Release(caller, lease());
      case 9, 10 -> new Event.Await(caller, lease(), random.nextInt(4) > 0);
      case 11 ->
          new Event.Store(caller, "s" + random.nextInt(STORED + 3), "file", ++lastDescriptor);
      case 12 -> new Event.Retrieve(caller, "s" + random.nextInt(6), random.nextBoolean());
      case 13, 14 -> new Event.Listen(caller, name(), listener());
      case 15 -> new Event.Close(caller, name());
      case 16 -> new Event.ListAll(caller);
      case 17 -> new Event.Watch(caller);
      case 18 -> new Event.Drain(caller, lease(), deadline());
      default -> new Event.Configured(id, configuration());
    };
  }

  private Event acquire(Caller caller) {
    Set<ListenerName> names = new HashSet<>();
    for (int i = random.nextInt(3); i >= 0; i--) {
      names.add(name());
    }
    String service = random.nextBoolean() ? "web" : null;
    boolean replace = service != null && random.nextBoolean();
    Hold hold = random.nextBoolean() ? Hold.PROCESS : Hold.CONNECTION;
    return new Event.Acquire(caller, List.copyOf(names), hold, service, replace);
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
          random.nextBoolean() ? IdlePolicy.REFUSE : IdlePolicy.QUEUE,
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
        listeners);
  }

  private FakeWorld.Connection connection(long id) {
    FakeWorld.Connection connection = world.connections.get(id);
    if (connection == null) {
      throw new IllegalStateException("no connection " + id);
    }
    return connection;
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
    for (Answer.ListenerView view : views()) {
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

  private List<Answer.ListenerView> views() {
    Caller root = new Caller(INSPECTOR, 1, 0, 0, List.of());
    Effect.Reply reply = (Effect.Reply) state.apply(new Event.ListAll(root), now).get(0);
    return ((Answer.Listing) reply.answer()).listeners();
  }

  private void checkSocket(Answer.ListenerView view, BoundSocket bound) {
    FakeWorld.Socket socket = world.sockets.get(bound.id());
    if (socket == null) {
      throw new IllegalStateException("broken: " + view.name() + " has a socket that is closed");
    }
    require(socket.config.equals(view.config()), view.name() + " has its options");
    require(socket.audited == view.leases() > 0, view.name() + " is audited while leased");
    boolean wanted = view.config().idle() == IdlePolicy.QUEUE || view.leases() > 0;
    require(
        socket.listening == wanted || view.state().equals("failed") || !bound.kind().listens(),
        view.name() + (wanted ? " listens" : " refuses"));
  }

  private void checkLeases() {
    Set<LeaseId> following = new HashSet<>();
    for (Map.Entry<LeaseId, FakeWorld.Grant> each : world.leases.entrySet()) {
      Event.Acquire request = each.getValue().request;
      if (request.hold() == Hold.PROCESS) {
        following.add(each.getKey());
        require(
            world.processes.containsKey(request.caller().pid()), "a lease ends with its process");
      } else {
        require(
            world.connections.containsKey(request.caller().connection()),
            "a lease ends with its connection");
      }
    }
    require(following.equals(world.followed.keySet()), "processes are followed while they hold");
  }

  private void checkCalls() {
    require(!world.hasChangesUnderWay(), "a reload by signal has its outcome");
    world.connections.forEach(
        (id, connection) ->
            require(
                connection.call == null || connection.streaming,
                "a call is answered: " + connection.call));
  }

  private void checkDeadlines() {
    perform(state.expire(now), "expire " + now);
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
