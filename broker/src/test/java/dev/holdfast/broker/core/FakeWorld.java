package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.listener.Transport;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A kernel, processes and connections in memory. It fails at random, holds the broker to what may
 * be done to a socket or told to a caller, and knows afterwards what was promised to whom.
 */
final class FakeWorld implements Performer {

  /** A socket that the broker has open, or that somebody still holds whom it passed it to. */
  static final class Socket {
    BoundSocket bound;
    ListenerConfig config;
    boolean listening;
    boolean audited;
    boolean awaited;
    boolean waiting; // a connection came of which no broker was told
    final Set<Integer> holders = new HashSet<>(); // processes
    final Set<Long> workers = new HashSet<>();

    Socket(BoundSocket bound, ListenerConfig config) {
      this.bound = bound;
      this.config = config;
    }
  }

  /** A control connection, and the call that waits on it. */
  static final class Connection {
    final Caller caller;
    final int process; // the caller's pid, which it does not show from another pid namespace
    boolean open = true;
    boolean brokerKnowsItClosed;
    boolean streaming;
    boolean begun;
    @Nullable Event call;

    Connection(Caller caller, int process) {
      this.caller = caller;
      this.process = process;
    }
  }

  /**
   * A call that changes listeners, whose outcome nobody knows yet. They come out in the order in
   * which they were made.
   *
   * @param connection NOBODY for a signal, and for a caller that is gone
   */
  private record Change(long connection, Event event) {}

  /** A lease that was granted, and has not ended. */
  static final class Grant {
    final Event.Acquire request;
    final long worker; // 0 when somebody asked for it
    int process;
    long connection;
    Optional<Instant> deadline = Optional.empty();
    @Nullable Instant restoreUntil; // who has it does not come back later than this

    Grant(Event.Acquire request, long worker, int process) {
      this.request = request;
      this.worker = worker;
      this.process = process;
      this.connection = request.caller().connection();
    }
  }

  /** What a holder has under a name. */
  record Held(ListenerName listener, Socket socket) {}

  /** What there is of one broker for the next. */
  record Inheritance(Survivors survivors, boolean undisturbed) {}

  final Deque<Event> events = new ArrayDeque<>();
  final Map<Long, Socket> sockets = new LinkedHashMap<>();
  final Map<Long, Connection> connections = new LinkedHashMap<>();
  final Map<Integer, Caller> processes = new LinkedHashMap<>();
  final Map<LeaseId, Grant> leases = new LinkedHashMap<>();
  final Map<LeaseId, Integer> followed = new HashMap<>();
  final Set<Long> kept = new HashSet<>();
  final Map<ListenerName, ListenerConfig> expected = new HashMap<>();
  final FakeWorkers workers;
  final Set<String> allAtOnce = new HashSet<>();
  final Set<String> undone = new HashSet<>(); // services whose last rollout failed
  final Set<LeaseId> notifySockets = new HashSet<>();
  final List<Notice> notices = new ArrayList<>();
  BrokerConfig config = BrokerConfig.EMPTY;
  boolean spawned; // since the last check
  boolean several; // calls that had waited for a bind were taken in the same step
  boolean shutDown;
  boolean finished;

  /** What holders got, also of leases that no broker knows any more. */
  final Map<LeaseId, List<Held>> memory = new LinkedHashMap<>();

  /** Descriptors that were offered, until the broker has decided on each. */
  final Map<Long, Socket> offered = new HashMap<>();

  /** Those that were offered as what they are not. */
  final Set<Long> others = new HashSet<>();

  /** The process that a connection speaks of, when it is not its own. */
  final Map<Long, Integer> adopting = new HashMap<>();

  /** Listeners that were lost, and not bound since. */
  final Set<ListenerName> lost = new HashSet<>();

  final Set<LeaseId> stopped = new HashSet<>(); // those that this broker sent a signal
  @Nullable List<ListenerName> restored; // in the last answer to a restore
  final Set<ListenerName> configured = new HashSet<>();

  /** Held by others, not by the broker: it could not get them back. */
  final Map<Long, Socket> ghosts = new LinkedHashMap<>();

  private final Map<Long, Socket> closed = new HashMap<>(); // and that is not yet written down
  private final Set<LeaseId> adopted = new HashSet<>();
  private final Set<Long> retries = new HashSet<>();
  private final Deque<Change> changes = new ArrayDeque<>();
  private final SplittableRandom random;
  private final boolean store;
  private long lastSocket;
  private long lastProof;
  private boolean retrying;
  private boolean tellingRetry;

  FakeWorld(SplittableRandom random) {
    this.random = random;
    this.store = random.nextInt(3) == 0;
    this.workers = new FakeWorkers(events, random);
  }

  long nextSocket() {
    return ++lastSocket;
  }

  static void require(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException("broken: " + what);
    }
  }

  private boolean now(int oneIn) {
    return !workers.calm && random.nextInt(oneIn) == 0;
  }

  private Socket socket(long id, String act) {
    Socket socket = sockets.get(id);
    if (socket == null) {
      throw new IllegalStateException("broken: " + act + " a socket that is not open: " + id);
    }
    return socket;
  }

  Grant grant(LeaseId id) {
    Grant grant = leases.get(id);
    if (grant == null) {
      throw new IllegalStateException("broken: a lease is known that was not granted: " + id);
    }
    return grant;
  }

  // ---- sockets

  @Override
  public void bind(long transaction, List<BindOrder> orders) {
    require(!orders.isEmpty(), "a bind of nothing");
    if (retrying) {
      require(orders.size() == 1, "a lost listener is bound by itself");
      retries.add(transaction);
    }
    List<Socket> made = new ArrayList<>();
    List<Opened> opened = new ArrayList<>();
    for (BindOrder order : orders) {
      require(!order.config().isStopped(), "a stopped listener is bound");
      BoundSocket main = main(order.config().spec());
      Optional<BoundSocket> beside = companion(order.config(), main);
      for (BoundSocket each : beside.isPresent() ? List.of(main, beside.get()) : List.of(main)) {
        boolean taken =
            isBound(each.endpoint())
                || made.stream().anyMatch(other -> other.bound.endpoint().equals(each.endpoint()));
        if (taken || now(40)) {
          String errno = taken ? "EADDRINUSE" : "EMFILE";
          events.add(
              new Event.BindFailed(
                  transaction,
                  new Refusal.BindFailed(order.name().value(), each.endpoint(), errno, errno)));
          return;
        }
        // Of a lost listener perhaps only one of two sockets is bound.
        ListenerConfig whole = retrying ? expected.get(order.name()) : order.config();
        Socket socket = new Socket(each, whole == null ? order.config() : whole);
        socket.listening = order.listening();
        made.add(socket);
      }
      opened.add(new Opened(order.name(), main, beside));
    }
    made.forEach(socket -> sockets.put(socket.bound.id(), socket));
    events.add(new Event.Bound(transaction, opened));
  }

  BoundSocket main(ListenSpec spec) {
    if (spec instanceof ListenSpec.Unix unix) {
      return socket("unix:" + unix.address(), SocketKind.STREAM, 0);
    }
    ListenSpec.Inet inet = (ListenSpec.Inet) spec;
    int port = Integer.parseInt(inet.ports().toString().replaceAll("\\D+", ""));
    return inet.transport() == Transport.UDP
        ? socket("udp:[::]:" + port, SocketKind.DATAGRAM, port)
        : socket("tcp:[::]:" + port, SocketKind.STREAM, port);
  }

  private BoundSocket socket(String endpoint, SocketKind kind, int port) {
    return new BoundSocket(++lastSocket, endpoint, kind, port, proof());
  }

  /** Of a socket that is made now; old kernels do not tell the cookie. */
  private SocketProof proof() {
    long number = ++lastProof;
    return new SocketProof(1_000 + number, random.nextInt(4) == 0 ? 0 : 90_000 + number, null);
  }

  private Optional<BoundSocket> companion(ListenerConfig config, BoundSocket main) {
    return config.companion() instanceof Companion.None
        ? Optional.empty()
        : Optional.of(socket("unix:@/tmp/kx." + main.port(), SocketKind.STREAM, 0));
  }

  /** A path can be bound again whoever holds the socket that was there. */
  boolean isBound(String endpoint) {
    return sockets.values().stream().anyMatch(each -> each.bound.endpoint().equals(endpoint))
        || (!endpoint.startsWith("unix:/")
            && ghosts.values().stream()
                .anyMatch(each -> each.bound.endpoint().equals(endpoint) && isHeld(each)));
  }

  private boolean isHeld(Socket socket) {
    return socket.holders.stream().anyMatch(processes::containsKey)
        || socket.workers.stream().anyMatch(workers::runs);
  }

  @Override
  public void closeSocket(long id) {
    Socket socket = sockets.remove(id);
    if (socket == null) {
      throw new IllegalStateException("broken: a socket is closed that is not open: " + id);
    }
    socket.audited = false;
    socket.awaited = false;
    closed.put(id, socket);
  }

  @Override
  public void startListening(long id, int backlog) {
    Socket socket = socket(id, "listen on");
    require(socket.bound.kind().listens(), "a datagram socket is asked to listen");
    require(backlog > 0, "no backlog");
    if (now(20)) {
      events.add(new Event.Broken(id, "EADDRINUSE"));
    } else {
      socket.listening = true;
    }
  }

  @Override
  public void refuse(long id) {
    Socket socket = socket(id, "refuse on");
    require(socket.bound.kind().listens(), "a datagram socket is asked to refuse");
    socket.listening = false;
  }

  @Override
  public void heal(long id) {
    Socket socket = socket(id, "heal");
    if (now(10)) {
      events.add(new Event.Broken(id, "it came back elsewhere"));
    } else {
      socket.listening = true;
      boolean replaced = socket.bound.port() == 0;
      if (replaced) {
        BoundSocket old = socket.bound;
        BoundSocket renewed = new BoundSocket(id, old.endpoint(), old.kind(), old.port(), proof());
        Socket fresh = new Socket(renewed, socket.config);
        fresh.listening = true;
        fresh.audited = socket.audited;
        fresh.awaited = socket.awaited;
        sockets.put(id, fresh);
        socket.listening = false; // that which the holders have
        events.add(new Event.Renewed(renewed));
      }
      events.add(new Event.Healed(id, replaced));
    }
  }

  /** A worker calls shutdown(2) on a socket that listens. */
  void shutDown(Socket socket) {
    socket.listening = false;
    events.add(new Event.HungUp(socket.bound.id()));
  }

  @Override
  public void applySettings(long id, ListenerConfig next) {
    socket(id, "set options of").config = next;
  }

  @Override
  public void audit(long id, boolean on) {
    socket(id, "audit").audited = on;
  }

  // ---- processes

  @Override
  public void follow(LeaseId lease, long connection) {
    Connection from = connections.get(connection);
    require(from != null, "a lease follows a caller that never was: " + connection);
    require(!followed.containsKey(lease), "a lease follows two processes");
    int process = from == null ? 0 : adopting.getOrDefault(connection, from.process);
    if (from == null || !from.open) {
      events.add(new Event.Undelivered(lease));
    } else if (!processes.containsKey(process)) {
      events.add(new Event.HolderGone(lease));
    } else {
      followed.put(lease, process);
    }
  }

  @Override
  public void unfollow(LeaseId lease) {
    followed.remove(lease);
  }

  void kill(int pid) {
    processes.remove(pid);
    for (Map.Entry<LeaseId, Integer> each : followed.entrySet()) {
      if (each.getValue() == pid) {
        events.add(new Event.HolderGone(each.getKey()));
      }
    }
    connections.forEach(
        (id, connection) -> {
          if (connection.process == pid) {
            close(id, connection);
          }
        });
  }

  void close(long id, Connection connection) {
    if (connection.open) {
      connection.open = false;
      events.add(new Event.ConnectionClosed(id));
    }
  }

  // ---- answers

  /** A call is about to be told to the broker. */
  void called(long connection, Event call) {
    if (call instanceof Event.Listen
        || call instanceof Event.Close
        || call instanceof Event.Adopted
        || call instanceof Event.Configured) {
      changes.add(new Change(connection, call));
    }
  }

  /** The outcome of a bind is about to be told: what waited for it is taken after it. */
  void told(long transaction) {
    boolean retry = retries.contains(transaction);
    several = changes.size() > (retry ? 0 : 1);
    tellingRetry = retry;
  }

  /** What is bound now is a lost listener, for which nobody asked. */
  void retrying(boolean on) {
    retrying = on;
  }

  boolean hasChangesUnderWay() {
    return !changes.isEmpty();
  }

  /** The broker is about to learn that the connection is closed: what it had begun goes on. */
  void told(Event.ConnectionClosed closed) {
    Change first = changes.peek();
    if (first != null && first.connection() == closed.connection()) {
      changes.remove();
      changes.addFirst(new Change(BrokerState.NOBODY, first.event()));
    }
    changes.removeIf(each -> each.connection() == closed.connection());
  }

  private Event takeChange(long connection) {
    Change first = changes.poll();
    if (first == null || first.connection() != connection) {
      throw new IllegalStateException("broken: calls that change listeners are taken in order");
    }
    return first.event();
  }

  @Override
  public void answer(long id, Answer answer) {
    if (id == BrokerState.NOBODY) {
      Event reload = takeChange(id);
      if (answer instanceof Answer.Reloaded) {
        reloaded(((Event.Configured) reload).config());
      }
      return;
    }
    Connection connection = connections.get(id);
    if (connection == null) {
      throw new IllegalStateException("broken: an answer to nobody " + id + ": " + answer);
    }
    require(!connection.brokerKnowsItClosed, "an answer to a connection that is closed");
    Event call = connection.call;
    if (call == null) {
      throw new IllegalStateException("broken: a second answer, or one not asked for: " + answer);
    }
    boolean further =
        answer instanceof Answer.Happened
            || answer instanceof Answer.Snapshot
            || (answer instanceof Answer.Progress progress && !progress.last())
            || (answer instanceof Answer.State state && connection.streaming && !state.last());
    if (!further) {
      connection.call = null;
      connection.streaming = false;
      if (!changes.isEmpty() && changes.element().event() == call) {
        takeChange(id);
      }
    }
    require(
        changes.stream().noneMatch(each -> each.connection() == id),
        "calls that change listeners are answered in order");
    learn(connection, call, answer);
  }

  private void learn(Connection connection, Event call, Answer answer) {
    if (answer instanceof Answer.Granted granted) {
      granted(connection, (Event.Acquire) call, granted);
    } else if (answer instanceof Answer.Retrieved retrieved) {
      require(kept.contains(retrieved.descriptor()), "a descriptor is passed that is not kept");
      require(allowed(connection.caller, config.retrieve()), "retrieve without the right");
      if (retrieved.moved()) {
        kept.remove(retrieved.descriptor());
      }
    } else if (answer instanceof Answer.OneListener one) {
      require(allowed(connection.caller, config.control()), "listen without the right");
      ListenerConfig asked = ((Event.Listen) call).config();
      require(asked.equals(one.listener().config()), "a listener that was not asked for");
      expected.put(one.listener().name(), asked);
    } else if (answer instanceof Answer.Reloaded) {
      reloaded(((Event.Configured) call).config());
    } else if (answer instanceof Answer.Progress progress) {
      progressed(connection, call, progress);
    } else if (answer instanceof Answer.Restored back) {
      restored(connection, (Event.Restore) call, back);
    } else if (answer instanceof Answer.AdoptedListener taken) {
      adopted(connection, (Event.Adopted) call, taken);
    } else if (answer instanceof Answer.Refused refused && call instanceof Event.Adopted wanted) {
      require(
          !mayAdopt(connection, wanted) || shutDown || !lost.isEmpty(),
          "a listener that may be adopted is: " + refused);
    } else if (answer instanceof Answer.Done) {
      done(connection, call);
    }
  }

  private void restored(Connection connection, Event.Restore call, Answer.Restored answer) {
    Grant grant = leases.get(call.lease());
    if (grant == null) {
      throw new IllegalStateException("broken: a lease is restored that is not known");
    }
    Caller caller = connection.caller;
    int pid = grant.worker == 0 ? grant.request.caller().pid() : 0; // what it started may, too
    require(caller.uid() == grant.request.caller().uid(), "a lease is restored to its user");
    require(pid <= 0 || caller.pid() == pid, "a lease is restored to its process");
    require(
        call.offered().stream()
            .filter(each -> !others.contains(each.descriptor()))
            .map(Offered::listener)
            .collect(Collectors.toSet())
            .containsAll(answer.accepted()),
        "what is accepted was offered, and is what it was");
    require(grant.request.names().containsAll(answer.accepted()), "a lease gets what it had");
    grant.restoreUntil = null;
    if (grant.worker == 0) {
      if (!followed.containsKey(call.lease())) {
        grant.process = connection.process;
      }
      grant.connection = caller.connection();
    }
    restored = answer.accepted();
  }

  private boolean mayAdopt(Connection connection, Event.Adopted call) {
    Caller caller = connection.caller;
    ListenerConfig known = expected.get(call.name());
    boolean free = known == null || (known.isStopped() && !configured.contains(call.name()));
    boolean own =
        caller.uid() == 0
            || caller.uid() == Simulation.OWN_UID
            || caller.uid() == call.holder().uid();
    boolean another =
        sockets.values().stream()
            .anyMatch(
                each ->
                    each.bound.id() != call.socket().id()
                        && each.bound.endpoint().equals(call.socket().endpoint()));
    return allowed(caller, config.control()) && own && free && !another;
  }

  private void adopted(Connection connection, Event.Adopted call, Answer.AdoptedListener answer) {
    require(mayAdopt(connection, call), "a listener is adopted that may not be");
    require(call.config().equals(answer.listener().config()), "a listener that was not asked for");
    require(!leases.containsKey(answer.lease()), "a lease id is given twice");
    expected.put(call.name(), call.config());
    Event.Acquire request =
        new Event.Acquire(
            call.holder(),
            List.of(call.name()),
            Hold.PROCESS,
            call.service(),
            false,
            true,
            call.stopSignal());
    int process = adopting.getOrDefault(connection.caller.connection(), 0);
    leases.put(answer.lease(), new Grant(request, 0, process));
    adopted.add(answer.lease());
    Socket socket = socket(call.socket().id(), "adopt");
    memory.put(answer.lease(), List.of(new Held(call.name(), socket)));
  }

  private void progressed(Connection connection, Event call, Answer.Progress progress) {
    require(
        connection.begun || allowed(connection.caller, config.control()),
        "operating without the right");
    connection.begun = !progress.last();
    require(
        progress.last() == (progress.step() == Answer.Step.DONE), "the last step is the last one");
    String service =
        call instanceof Event.Restart restart
            ? restart.service()
            : call instanceof Event.Scale scale
                ? scale.service()
                : call instanceof Event.Start start
                    ? start.service()
                    : ((Event.Stop) call).service();
    require(service.equals(progress.service()), "who asked is told of the service it asked about");
    if (call instanceof Event.Restart restart
        && progress.step() == Answer.Step.BEGUN
        && restart.allAtOnce()) {
      allAtOnce.add(service);
    }
  }

  private void granted(Connection connection, Event.Acquire call, Answer.Granted granted) {
    Grant known = leases.get(granted.lease());
    if (known != null && known.worker != 0) {
      require(
          workers.program(known.worker).pid == connection.caller.pid(),
          "a worker that asks for what it was given has its lease already");
      return;
    }
    require(!leases.containsKey(granted.lease()), "a lease id is given twice");
    List<ListenerName> passed = new ArrayList<>();
    for (Answer.Passed each : granted.sockets()) {
      socket(each.socket().id(), "pass");
      if (passed.isEmpty() || !passed.get(passed.size() - 1).equals(each.listener())) {
        passed.add(each.listener());
      }
      ListenerConfig listener = expected.get(each.listener());
      require(
          listener != null && allowed(connection.caller, listener.allow()),
          "acquire without the right");
    }
    require(passed.equals(call.names()), "sockets in the order of the names");
    leases.put(granted.lease(), new Grant(call, 0, connection.process));
    keep(granted.lease(), granted.sockets());
    for (Held held : memory.getOrDefault(granted.lease(), List.of())) {
      held.socket().holders.add(connection.process);
    }
    if (granted.program()) {
      notifySockets.add(granted.lease());
    }
    if (!connection.open || now(30)) {
      events.add(new Event.Undelivered(granted.lease()));
    }
  }

  private void keep(LeaseId lease, List<Answer.Passed> passed) {
    memory.put(
        lease,
        passed.stream()
            .map(each -> new Held(each.listener(), socket(each.socket().id(), "pass")))
            .toList());
    if (memory.size() > 100) {
      memory.remove(memory.keySet().iterator().next());
    }
  }

  private void done(Connection connection, Event call) {
    if (call instanceof Event.Close close) {
      require(allowed(connection.caller, config.control()), "close without the right");
      configured.remove(close.name());
      require(expected.remove(close.name()) != null, "a listener is closed that is not there");
    } else if (call instanceof Event.Drain drain && drain.deadline().isPresent()) {
      require(allowed(connection.caller, config.control()), "drain without the right");
      Grant grant = leases.get(drain.lease());
      require(grant != null, "a lease drains that has ended");
      if (grant != null && grant.worker == 0) {
        grant.deadline = drain.deadline();
      }
    } else if (call instanceof Event.Store) {
      require(allowed(connection.caller, config.store()), "store without the right");
    }
  }

  private static boolean allowed(Caller caller, List<Principal> principals) {
    return caller.uid() == 0
        || caller.uid() == Simulation.OWN_UID
        || principals.stream().anyMatch(each -> each.matches(caller));
  }

  private void reloaded(BrokerConfig next) {
    configured.removeAll(next.listeners().keySet());
    configured.forEach(expected::remove);
    configured.clear();
    configured.addAll(next.listeners().keySet());
    expected.putAll(next.listeners());
    config = next;
  }

  @Override
  public void discardDescriptor(long descriptor) {
    require(
        kept.remove(descriptor) || offered.remove(descriptor) != null,
        "a descriptor is discarded that is not kept: " + descriptor);
  }

  @Override
  public void log(Notice notice) {
    notices.add(notice);
    if (notice.kind() == Notice.Kind.ROLLOUT_BEGUN) {
      allAtOnce.remove(String.valueOf(notice.name())); // the answer to who asked says otherwise
    } else if (notice.kind() == Notice.Kind.LEASE_READY) {
      workers.leaseReady(new LeaseId(String.valueOf(notice.lease())));
    } else if (notice.kind() == Notice.Kind.WORKER_KILLED) {
      workers.condemned(new LeaseId(String.valueOf(notice.lease())));
    }
    if (notice.kind() == Notice.Kind.ROLLOUT_FAILED) {
      undone.add(String.valueOf(notice.name()));
    } else if (notice.kind() == Notice.Kind.ROLLOUT_DONE) {
      undone.remove(String.valueOf(notice.name()));
    }
    if (notice.kind() == Notice.Kind.LEASE_ENDED) {
      String id = String.valueOf(notice.lease());
      require(leases.remove(new LeaseId(id)) != null, "a lease ends that was not granted: " + id);
    }
    Change first = changes.peek();
    if (first != null
        && !tellingRetry
        && first.connection() == BrokerState.NOBODY
        && first.event() instanceof Event.Listen listen
        && listen.name().value().equals(notice.name())) {
      listenedForNobody(listen, notice.kind());
    }
  }

  /** The log alone tells what became of a listener whose caller is gone. */
  private void listenedForNobody(Event.Listen listen, Notice.Kind kind) {
    if (kind == Notice.Kind.LISTENER_FAILED) {
      changes.remove();
    } else if (kind == Notice.Kind.LISTENER_OPENED || kind == Notice.Kind.LISTENER_CHANGED) {
      changes.remove();
      expected.put(listen.name(), listen.config());
    }
  }

  // ---- services

  @Override
  public void spawn(WorkerOrder order) {
    spawned = true;
    require(!shutDown, "a worker is started while the broker ends");
    List<ListenerName> names = new ArrayList<>();
    for (Answer.Passed each : order.sockets()) {
      socket(each.socket().id(), "pass");
      if (!names.contains(each.listener())) {
        names.add(each.listener());
      }
    }
    Caller caller = new Caller(BrokerState.NOBODY, 0, Simulation.OWN_UID, 0, List.of());
    Event.Acquire request = new Event.Acquire(caller, names, Hold.PROCESS, order.service(), false);
    require(
        leases.put(order.lease(), new Grant(request, order.worker(), 0)) == null,
        "a lease id is given twice");
    keep(order.lease(), order.sockets());
    for (Held held : memory.getOrDefault(order.lease(), List.of())) {
      held.socket().workers.add(order.worker());
    }
    workers.spawn(order);
  }

  @Override
  public void stopWorker(long worker, int signal) {
    workers.stop(worker, signal);
  }

  @Override
  public void killWorker(long worker) {
    workers.kill(worker);
  }

  @Override
  public void askOutput(long worker) {
    workers.askOutput(worker);
  }

  @Override
  public void stopHolder(LeaseId lease, int signal) {
    Grant grant = leases.get(lease);
    require(
        grant != null && grant.worker == 0 && grant.request.hold() == Hold.PROCESS,
        "a signal for a process that no lease follows");
    require(signal > 0, "no signal");
    require(stopped.add(lease), "a holder is asked to finish once");
    if (now(2)) {
      events.add(new Event.Asked(lease));
    }
  }

  @Override
  public void observe(LeaseId lease, int pid, List<Long> observed) {
    require(leases.containsKey(lease), "a lease is looked at that has ended");
    require(pid > 0, "no process to look at");
    observed.forEach(each -> socket(each, "look at"));
    workers.observe(lease, pid);
  }

  @Override
  public void unobserve(LeaseId lease) {
    workers.unobserve(lease);
  }

  @Override
  public void closeNotify(LeaseId lease) {
    require(
        notifySockets.remove(lease) || adopted.remove(lease),
        "a notify socket is closed that was not made");
  }

  @Override
  public void awaitConnection(long id, boolean on) {
    Socket socket = socket(id, "await a connection on");
    socket.awaited = on;
    if (on && socket.waiting) {
      socket.waiting = false;
      connect(socket);
    }
  }

  /** A connection comes to a socket. */
  void connect(Socket socket) {
    if (socket.awaited || socket.audited) {
      socket.awaited = false;
      events.add(new Event.ConnectionCame(socket.bound.id()));
    }
  }

  @Override
  public void countOpen(String service, List<Long> counted, List<Long> open) {
    require(!counted.isEmpty(), "the connections of nobody are counted");
    counted.forEach(
        each -> require(workers.processes.containsKey(each), "who is counted is there"));
    open.forEach(each -> socket(each, "count connections of"));
    events.add(
        new Event.OpenCounted(service, workers.calm ? 0 : Math.max(0, random.nextInt(4) - 1)));
  }

  @Override
  public void forgetService(String service) {
    require(!config.services().containsKey(service), "a service is forgotten that is configured");
    workers.forgetService(service);
  }

  @Override
  public void finish() {
    require(shutDown, "the broker ends without having been told to");
    require(!finished, "the broker ends once");
    finished = true;
  }

  // ---- another life

  @Override
  public void followAgain(LeaseId lease, boolean thaw) {
    Grant grant = leases.get(lease);
    if (grant == null || grant.worker != 0 || grant.request.hold() != Hold.PROCESS) {
      throw new IllegalStateException("broken: nothing to follow for lease " + lease);
    }
    require(!followed.containsKey(lease), "a lease follows two processes");
    require(processes.containsKey(grant.process), "a process is followed that is gone");
    followed.put(lease, grant.process);
  }

  @Override
  public void adoptWorker(WorkerOrder order, boolean thaw) {
    for (Answer.Passed each : order.sockets()) {
      socket(each.socket().id(), "pass");
    }
    workers.adopt(order, thaw);
  }

  @Override
  public void takeOffered(
      long descriptor, ListenerName name, BoundSocket bound, ListenerConfig wanted) {
    Socket socket = offered.remove(descriptor);
    if (socket == null) {
      throw new IllegalStateException("broken: a descriptor is taken that was not offered");
    }
    require(!sockets.containsKey(bound.id()), "a socket has one descriptor");
    require(!sockets.containsValue(socket), "a socket has one owner");
    require(isSame(bound, socket.bound), "a socket is taken for what it is");
    require(wanted.equals(expected.get(name)), "a listener is as it was asked for");
    socket.config = wanted;
    socket.bound = bound;
    ghosts.remove(bound.id());
    sockets.put(bound.id(), socket);
    if (!socket.listening && socket.bound.kind().listens()) {
      events.add(new Event.HungUp(bound.id()));
    }
  }

  static boolean isSame(BoundSocket known, BoundSocket other) {
    SocketProof one = known.proof();
    SocketProof two = other.proof();
    return known.endpoint().equals(other.endpoint())
        && known.kind() == other.kind()
        && (one.inode() == 0 || two.inode() == 0 || one.inode() == two.inode())
        && (one.cookie() == 0 || two.cookie() == 0 || one.cookie() == two.cookie());
  }

  @Override
  public void settled() {
    closed.clear();
    workers.settled();
  }

  /**
   * The broker is killed. What only it had is gone; who has something else goes on, mostly.
   *
   * @param known what it had written down
   * @param exact whether nothing had happened since then
   */
  Inheritance crash(List<Entry> known, Instant moment, boolean exact) {
    boolean deadly = random.nextBoolean();
    for (int pid : List.copyOf(processes.keySet())) {
      if (deadly && now(6)) {
        processes.remove(pid);
      }
    }
    for (Event event : events) {
      if (event instanceof Event.ConnectionCame came && sockets.containsKey(came.socket())) {
        socket(came.socket(), "connect to").waiting = true;
      }
    }
    boolean calmBefore = exact && !shutDown && lost.isEmpty();
    events.clear();
    changes.clear();
    connections.clear();
    offered.clear();
    others.clear();
    adopting.clear();
    shutDown = false;
    Map<Long, Entry.OfWorker> workersKnown = workers(known);
    Set<Long> live =
        workers.crash(
            workersKnown,
            known.stream()
                .filter(each -> each instanceof Entry.OfLease lease && lease.asked())
                .map(each -> ((Entry.OfLease) each).lease())
                .collect(Collectors.toSet()),
            deadly);
    inherit(known);
    kept.retainAll(deposits(known));
    kept.removeIf(each -> !store || now(10));
    Map<Long, String> reasons = findAgain(known);
    Set<LeaseId> following = new HashSet<>();
    leases.forEach(
        (id, grant) -> {
          boolean told = grant.request.caller().pid() > 0;
          if (grant.worker != 0) {
            return;
          } else if (grant.request.hold() == Hold.CONNECTION || !told) {
            grant.restoreUntil = moment.plus(Simulation.RESTORE_TIME);
          } else if (processes.containsKey(grant.process)) {
            following.add(id);
          }
        });
    long all = known.stream().filter(each -> each instanceof Entry.OfWorker).count();
    boolean undisturbed = calmBefore && reasons.isEmpty() && live.size() == all;
    return new Inheritance(
        new Survivors(false, sockets.keySet(), reasons, following, live, kept), undisturbed);
  }

  /** Everything goes to a successor. */
  Survivors handOver(List<Entry> known, Instant moment) {
    Map<LeaseId, Grant> old = Map.copyOf(leases);
    Set<Long> live = workers.handOver(workers(known));
    inherit(known);
    require(leases.keySet().equals(old.keySet()), "all leases are handed over");
    require(kept.equals(deposits(known)), "all stored descriptors are handed over");
    Set<LeaseId> following = new HashSet<>();
    leases.forEach(
        (id, grant) -> {
          if (grant.restoreUntil != null) {
            grant.restoreUntil = moment.plus(Simulation.RESTORE_TIME); // it is waited for anew
          } else if (grant.worker == 0 && grant.request.hold() == Hold.PROCESS) {
            following.add(id);
          }
        });
    return survivors(known, following, live);
  }

  /** What there would be of the broker that lives, for another that begins beside it. */
  Survivors survivors(List<Entry> known) {
    return survivors(known, followed.keySet(), workers.processes.keySet());
  }

  private Survivors survivors(List<Entry> known, Set<LeaseId> following, Set<Long> live) {
    Map<Long, String> gone = new HashMap<>();
    for (BoundSocket each : boundSockets(known)) {
      if (!sockets.containsKey(each.id())) {
        gone.put(each.id(), "nobody gave it back");
      }
    }
    require(
        boundSockets(known).stream().map(BoundSocket::id).toList().containsAll(sockets.keySet()),
        "all sockets are handed over");
    return new Survivors(true, sockets.keySet(), gone, following, live, kept);
  }

  static Map<Long, Entry.OfWorker> workers(List<Entry> known) {
    Map<Long, Entry.OfWorker> result = new HashMap<>();
    for (Entry each : known) {
      if (each instanceof Entry.OfWorker worker && worker.pid() != 0) {
        result.put(worker.worker(), worker);
      }
    }
    return result;
  }

  private static Set<Long> deposits(List<Entry> known) {
    return known.stream()
        .filter(each -> each instanceof Entry.OfDeposit)
        .map(each -> ((Entry.OfDeposit) each).descriptor())
        .collect(Collectors.toSet());
  }

  private static List<BoundSocket> boundSockets(List<Entry> known) {
    List<BoundSocket> result = new ArrayList<>();
    for (Entry each : known) {
      if (each instanceof Entry.OfListener listener) {
        for (@Nullable BoundSocket one :
            new BoundSocket[] {listener.socket(), listener.companion()}) {
          if (one != null) {
            result.add(one);
          }
        }
      }
    }
    return result;
  }

  /** What the next broker knows is what was promised, from here on. */
  private void inherit(List<Entry> known) {
    Map<LeaseId, Grant> old = Map.copyOf(leases);
    Map<Long, Entry.OfWorker> living = workers(known);
    leases.clear();
    expected.clear();
    configured.clear();
    allAtOnce.clear();
    notifySockets.clear();
    for (Entry each : known) {
      if (each instanceof Entry.OfLease lease) {
        if (lease.worker() == 0 || living.containsKey(lease.worker())) {
          inherit(lease, old.get(lease.lease()));
        }
      } else if (each instanceof Entry.OfListener listener) {
        expected.put(listener.name(), listener.config());
        if (listener.configured()) {
          configured.add(listener.name());
        }
      } else if (each instanceof Entry.OfService service) {
        Entry.RolloutUnderWay rollout = service.rollout();
        if (rollout != null && rollout.allAtOnce()) {
          allAtOnce.add(service.name());
        }
      }
    }
    followed.clear();
    stopped.clear();
    retries.clear();
    sockets
        .values()
        .forEach(
            each -> {
              each.audited = false;
              each.awaited = false;
            });
  }

  private void inherit(Entry.OfLease lease, @Nullable Grant before) {
    int pid = lease.request().caller().pid();
    Grant grant = new Grant(lease.request(), lease.worker(), before == null ? pid : before.process);
    if (before != null) {
      grant.connection = before.connection;
      grant.restoreUntil = before.restoreUntil;
    }
    if (lease.worker() == 0) {
      grant.deadline = lease.deadline();
    }
    leases.put(lease.lease(), grant);
    if (lease.request().program() && !adopted.contains(lease.lease())) {
      notifySockets.add(lease.lease());
    }
  }

  /**
   * The sockets that are known are looked for at those that hold them; what nobody holds is gone.
   *
   * @return why some are not had again
   */
  private Map<Long, String> findAgain(List<Entry> known) {
    Map<Long, Socket> there = new LinkedHashMap<>(ghosts);
    there.putAll(closed);
    there.putAll(sockets);
    sockets.clear();
    ghosts.clear();
    closed.clear();
    Map<Long, String> reasons = new HashMap<>();
    for (Entry each : known) {
      if (each instanceof Entry.OfListener listener) {
        for (@Nullable BoundSocket one :
            new BoundSocket[] {listener.socket(), listener.companion()}) {
          if (one != null) {
            String reason = find(one, there.get(one.id()), listener.config());
            if (!reason.isEmpty()) {
              reasons.put(one.id(), reason);
              if (one.equals(listener.socket())) {
                lost.add(listener.name());
              }
            }
          }
        }
      }
    }
    return reasons;
  }

  private String find(BoundSocket known, @Nullable Socket socket, ListenerConfig wanted) {
    if (socket == null || !isSame(known, socket.bound)) {
      return "nobody holds it";
    }
    boolean held = isHeld(socket);
    if (!(held && !now(8)) && !(store && !now(8))) {
      if (held) {
        ghosts.put(known.id(), socket);
      }
      return held ? "somebody holds it who may not be asked" : "nobody holds it";
    }
    socket.config = wanted; // whatever was written down late, or meant for it while it was lost
    socket.audited = false;
    socket.awaited = false;
    sockets.put(known.id(), socket);
    return "";
  }

  /** Whether a listener has no socket, and nothing is in the way of one. */
  boolean canBeBound(Answer.ListenerView view) {
    if (view.socket() != null || view.config().isStopped()) {
      return false;
    }
    long last = lastSocket;
    BoundSocket main = main(view.config().spec());
    boolean free = !isBound(main.endpoint());
    Optional<BoundSocket> beside = companion(view.config(), main);
    free &= beside.isEmpty() || !isBound(beside.get().endpoint());
    lastSocket = last;
    return free;
  }

  void toldAll() {
    tellingRetry = false;
  }

  /** The new broker looks at what it has: a socket that does not listen shows that. */
  void watchAgain() {
    for (Socket each : sockets.values()) {
      if (!each.listening && each.bound.kind().listens()) {
        events.add(new Event.HungUp(each.bound.id()));
      }
    }
  }
}
