package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.listener.Transport;
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
import org.jspecify.annotations.Nullable;

/**
 * A kernel, processes and connections in memory. It fails at random, holds the broker to what may
 * be done to a socket or told to a caller, and knows afterwards what was promised to whom.
 */
final class FakeWorld implements Performer {

  /** A socket that the broker has open. */
  static final class Socket {
    final BoundSocket bound;
    ListenerConfig config;
    boolean listening;
    boolean audited;
    boolean awaited;

    Socket(BoundSocket bound, ListenerConfig config) {
      this.bound = bound;
      this.config = config;
    }
  }

  /** A control connection, and the call that waits on it. */
  static final class Connection {
    final Caller caller;
    boolean open = true;
    boolean brokerKnowsItClosed;
    boolean streaming;
    boolean begun;
    @Nullable Event call;

    Connection(Caller caller) {
      this.caller = caller;
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
    Optional<java.time.Instant> deadline = Optional.empty();

    Grant(Event.Acquire request, long worker) {
      this.request = request;
      this.worker = worker;
    }
  }

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
  final Set<LeaseId> notifySockets = new HashSet<>();
  final List<Notice> notices = new ArrayList<>();
  BrokerConfig config = BrokerConfig.EMPTY;
  boolean spawned; // since the last check
  boolean several; // calls that had waited for a bind were taken in the same step
  boolean shutDown;
  boolean finished;
  private final Set<ListenerName> configured = new HashSet<>();
  private final Deque<Change> changes = new ArrayDeque<>();
  private final SplittableRandom random;
  private long lastSocket;

  FakeWorld(SplittableRandom random) {
    this.random = random;
    this.workers = new FakeWorkers(events, random);
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

  // ---- sockets

  @Override
  public void bind(long transaction, List<BindOrder> orders) {
    require(!orders.isEmpty(), "a bind of nothing");
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
        Socket socket = new Socket(each, order.config());
        socket.listening = order.listening();
        made.add(socket);
      }
      opened.add(new Opened(order.name(), main, beside));
    }
    made.forEach(socket -> sockets.put(socket.bound.id(), socket));
    events.add(new Event.Bound(transaction, opened));
  }

  private BoundSocket main(ListenSpec spec) {
    if (spec instanceof ListenSpec.Unix unix) {
      return new BoundSocket(++lastSocket, "unix:" + unix.address(), SocketKind.STREAM, 0);
    }
    ListenSpec.Inet inet = (ListenSpec.Inet) spec;
    int port = Integer.parseInt(inet.ports().toString().replaceAll("\\D+", ""));
    return inet.transport() == Transport.UDP
        ? new BoundSocket(++lastSocket, "udp:[::]:" + port, SocketKind.DATAGRAM, port)
        : new BoundSocket(++lastSocket, "tcp:[::]:" + port, SocketKind.STREAM, port);
  }

  private Optional<BoundSocket> companion(ListenerConfig config, BoundSocket main) {
    return config.companion() instanceof Companion.None
        ? Optional.empty()
        : Optional.of(
            new BoundSocket(++lastSocket, "unix:@/tmp/kx." + main.port(), SocketKind.STREAM, 0));
  }

  private boolean isBound(String endpoint) {
    return sockets.values().stream().anyMatch(each -> each.bound.endpoint().equals(endpoint));
  }

  @Override
  public void closeSocket(long socket) {
    require(sockets.remove(socket) != null, "a socket is closed that is not open: " + socket);
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
      events.add(new Event.Healed(id, socket.bound.port() == 0));
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
    if (from == null || !from.open) {
      events.add(new Event.Undelivered(lease));
    } else if (!processes.containsKey(from.caller.pid())) {
      events.add(new Event.HolderGone(lease));
    } else {
      followed.put(lease, from.caller.pid());
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
          if (connection.caller.pid() == pid) {
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
        || call instanceof Event.Configured) {
      changes.add(new Change(connection, call));
    }
  }

  /** The outcome of a bind is about to be told: what waited for it is taken after it. */
  void told() {
    several = changes.size() > 1;
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
    } else if (answer instanceof Answer.Done) {
      done(connection, call);
    }
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
    leases.put(granted.lease(), new Grant(call, 0));
    if (granted.program()) {
      notifySockets.add(granted.lease());
    }
    if (!connection.open || now(30)) {
      events.add(new Event.Undelivered(granted.lease()));
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
    require(kept.remove(descriptor), "a descriptor is discarded that is not kept: " + descriptor);
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
    if (notice.kind() == Notice.Kind.LEASE_ENDED) {
      String id = String.valueOf(notice.lease());
      require(leases.remove(new LeaseId(id)) != null, "a lease ends that was not granted: " + id);
    }
    Change first = changes.peek();
    if (first != null
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
        leases.put(order.lease(), new Grant(request, order.worker())) == null,
        "a lease id is given twice");
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
    require(notifySockets.remove(lease), "a notify socket is closed that was not made");
  }

  @Override
  public void awaitConnection(long id, boolean on) {
    socket(id, "await a connection on").awaited = on;
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
}
