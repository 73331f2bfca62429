package dev.holdfast.broker.core;

import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Brokers one after the other, each of which knows what the one before it knew. */
final class Lives {

  static final Caller ROOT = new Caller(1, 11, 0, 0, List.of());
  static final Duration READY_TIMEOUT = Duration.ofSeconds(60);
  static final Duration STOP_TIMEOUT = Duration.ofSeconds(30);

  BrokerState state = new BrokerState(100, "a-");
  Instant now = Instant.ofEpochSecond(1_000);
  List<Effect> effects = List.of();

  /** What the broker that died leaves; a test takes away what is not to be found again. */
  final Set<Long> sockets = new HashSet<>();

  final Map<Long, String> lost = new HashMap<>();
  final Set<LeaseId> leases = new HashSet<>();
  final Set<Long> workers = new HashSet<>();
  final Set<Long> deposits = new HashSet<>();
  List<Entry> entries = List.of();

  private long lastSocket;
  private long lastWorker;
  private int lastPid = 1_000;

  static ListenerName name(String name) {
    return ListenerName.parse(name);
  }

  static ListenerConfig listener(String spec, IdlePolicy idle) {
    try {
      return new ListenerConfig(
          ListenSpec.parse(spec),
          7,
          false,
          idle,
          new Companion.None(),
          List.of(new Principal.User(1000)),
          SocketSettings.DEFAULT);
    } catch (InvalidSpecException e) {
      throw new AssertionError(e);
    }
  }

  static ListenerConfig listener(String spec) {
    return listener(spec, IdlePolicy.QUEUE);
  }

  static ServiceConfig service(ReadyWhen when, int workers, String program) {
    return new ServiceConfig(
        Launch.of(List.of(program)),
        List.of(name("web")),
        workers,
        new ServiceConfig.Readiness(when, READY_TIMEOUT, Duration.ofMillis(100)),
        new ServiceConfig.Stopping(15, STOP_TIMEOUT),
        ServiceConfig.Restarts.DEFAULT,
        0,
        null,
        null);
  }

  static Caller caller(long connection, int pid) {
    return new Caller(connection, pid, 1000, 1000, List.of());
  }

  List<Effect> apply(Event event) {
    effects = state.apply(event, now);
    state.check();
    return effects;
  }

  <T extends Effect> List<T> of(Class<T> kind) {
    return effects.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  List<Answer> answers(long connection) {
    return of(Effect.Reply.class).stream()
        .filter(each -> each.connection() == connection)
        .map(Effect.Reply::answer)
        .toList();
  }

  <T extends Answer> T answer(long connection, Class<T> kind) {
    return answers(connection).stream()
        .filter(kind::isInstance)
        .map(kind::cast)
        .findFirst()
        .orElseThrow(() -> new AssertionError("no " + kind + " in " + effects));
  }

  List<String> notices(Notice.Kind kind) {
    return of(Effect.Log.class).stream()
        .map(Effect.Log::notice)
        .filter(each -> each.kind() == kind)
        .map(Notice::message)
        .toList();
  }

  /** Lets time pass, and does what falls due; its effects are those of all of it. */
  void pass(Duration time) {
    Instant until = now.plus(time);
    List<Effect> all = new ArrayList<>();
    while (state.nextDeadline().filter(at -> !at.isAfter(until)).isPresent()) {
      Instant at = state.nextDeadline().orElseThrow();
      now = at.isBefore(now) ? now : at;
      all.addAll(state.expire(now));
      state.check();
    }
    now = until;
    effects = all;
  }

  static BoundSocket socket(long id, String endpoint) {
    return new BoundSocket(
        id, endpoint, SocketKind.STREAM, 8080, new SocketProof(id * 10, id * 100, null));
  }

  /** Lets a bind succeed. */
  Opened bind(Effect.Bind order) {
    List<Opened> opened = new ArrayList<>();
    for (BindOrder each : order.orders()) {
      BoundSocket main = socket(++lastSocket, "tcp:[::]:" + each.config().spec());
      sockets.add(main.id());
      Optional<BoundSocket> beside = Optional.empty();
      if (!(each.config().companion() instanceof Companion.None)) {
        beside = Optional.of(socket(++lastSocket, "unix:@/tmp/kx.8080"));
        sockets.add(lastSocket);
      }
      opened.add(new Opened(each.name(), main, beside));
    }
    apply(new Event.Bound(order.transaction(), opened));
    return opened.get(0);
  }

  Opened listen(String name, ListenerConfig config) {
    apply(new Event.Listen(ROOT, name(name), config));
    return bind(of(Effect.Bind.class).get(0));
  }

  LeaseId acquire(Caller caller, Hold hold, String... names) {
    List<ListenerName> wanted = List.of(names).stream().map(Lives::name).toList();
    apply(new Event.Acquire(caller, wanted, hold, null, false, hold == Hold.PROCESS, 15));
    LeaseId lease = answer(caller.connection(), Answer.Granted.class).lease();
    leases.add(lease);
    return lease;
  }

  /** Puts a listener {@code web} on 8080 and a service of that name into force. */
  void configure(ServiceConfig service) {
    configure(listener("8080"), service);
  }

  void configure(ListenerConfig listener, ServiceConfig service) {
    TreeMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
    listeners.put(name("web"), listener);
    TreeMap<String, ServiceConfig> services = new TreeMap<>();
    services.put("web", service);
    apply(
        new Event.Configured(
            ROOT.connection(),
            new BrokerConfig(
                List.of(),
                List.of(),
                List.of(),
                BrokerConfig.Limits.DEFAULT,
                listeners,
                services)));
    for (Effect.Bind bind : of(Effect.Bind.class)) {
      bind(bind);
    }
  }

  /** Makes the processes of the workers that are to be started now. */
  List<Long> spawn() {
    List<Effect.Spawn> orders = of(Effect.Spawn.class);
    List<Effect> all = new ArrayList<>(effects);
    for (Effect.Spawn each : orders) {
      lastWorker = each.order().worker();
      workers.add(lastWorker);
      all.addAll(apply(new Event.Spawned(lastWorker, ++lastPid)));
    }
    effects = all;
    return orders.stream().map(each -> each.order().worker()).toList();
  }

  LeaseId leaseOf(long worker) {
    return state.entries().stream()
        .filter(Entry.OfWorker.class::isInstance)
        .map(Entry.OfWorker.class::cast)
        .filter(each -> each.worker() == worker)
        .map(Entry.OfWorker::lease)
        .findFirst()
        .orElseThrow();
  }

  void ready(long worker) {
    apply(
        new Event.Notified(
            leaseOf(worker), new Notification(true, false, false, false, null, null)));
  }

  /** The broker is killed; another one remembers what it knew, and does not act yet. */
  void die() {
    entries = state.entries();
    begin(false, List.of());
  }

  void handOver() {
    entries = state.entries();
    begin(true, state.links());
  }

  private void begin(boolean handedOver, List<Link> links) {
    BrokerConfig config = state.config();
    state = new BrokerState(100, "b-");
    apply(
        new Event.Remembered(
            config,
            entries,
            links,
            new Survivors(handedOver, sockets, lost, leases, workers, deposits)));
  }

  void resume() {
    apply(new Event.Resumed());
  }

  Answer.ListenerView view(String name) {
    apply(new Event.ListAll(ROOT));
    return answer(ROOT.connection(), Answer.Listing.class).listeners().stream()
        .filter(each -> each.name().equals(name(name)))
        .findFirst()
        .orElseThrow();
  }

  Answer.ServiceView service() {
    apply(new Event.ListAll(ROOT));
    return answer(ROOT.connection(), Answer.Listing.class).services().get(0);
  }
}
