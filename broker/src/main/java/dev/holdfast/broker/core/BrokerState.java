package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * All that the broker knows, and the rules by which it changes: an event goes in, effects come out.
 *
 * <p>Not thread-safe; one thread owns it. It reads no clock: each event comes with its moment.
 * Effects must be performed in order; what comes of them comes back as further events.
 */
public final class BrokerState {

  /** The connection number that means the broker itself: its start, and SIGHUP. */
  public static final long NOBODY = 0;

  /**
   * Far more than workers of one host; a bound on what a caller with rights can make us remember.
   */
  private static final int MOST_LEASES = 65_536;

  private static final int SIGTERM = 15;

  /** How long a holder that waited for drains is given to do so again: it looks every 5 s. */
  static final Duration RETURN_TIME = Duration.ofSeconds(10);

  /** How long a lease whose holder cannot be followed waits for it to come back by itself. */
  static final Duration RESTORE_TIME = Duration.ofSeconds(30);

  private static final Duration FIRST_RETRY = Duration.ofMillis(250);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(5);

  /** A bind under way, and what to do when it has succeeded. */
  private record Pending(
      long transaction,
      long connection,
      List<BindOrder> orders,
      Map<ListenerName, ListenerConfig> inPlace,
      List<ListenerName> removed,
      @Nullable BrokerConfig next) {

    Pending withoutAsker() {
      // A reload that nobody waits for any more is like one by a signal: the log has its outcome.
      long outcome = next == null ? Outbox.GONE : NOBODY;
      return new Pending(transaction, outcome, orders, inPlace, removed, next);
    }
  }

  private final Rights rights;
  private final String leasePrefix;
  private final Map<ListenerName, Listener> listeners = new TreeMap<>();
  private final Map<Long, Listener> bySocket = new HashMap<>();
  private final Map<LeaseId, Lease> leases = new LinkedHashMap<>();
  private final Map<Long, Set<LeaseId>> byConnection = new HashMap<>();
  private final Map<Long, LeaseId> awaitingBy = new HashMap<>();
  private final Deque<Event> postponed = new ArrayDeque<>();
  private final Deadlines<LeaseId> drainEnds = new Deadlines<>();
  private final Deadlines<LeaseId> askEnds = new Deadlines<>();
  private final Deadlines<LeaseId> restoreEnds = new Deadlines<>();
  private final Deadlines<ListenerName> retries = new Deadlines<>();
  private final Map<Long, ListenerName> rebinding = new HashMap<>(); // by transaction
  private final Outbox out = new Outbox();
  private final Deposits deposits;
  private final Services services = new Services(out, new WorkerLeases());
  private boolean shuttingDown;
  private boolean waitForLeases;
  private boolean finished;
  private Event.@Nullable Remembered asleep; // until it is to act on it
  private @Nullable Pending pending;
  private BrokerConfig config = BrokerConfig.EMPTY;
  private long lastTransaction;
  private long lastLease;

  /**
   * An empty broker.
   *
   * @param ownUid the uid which, besides root, may do everything
   * @param leasePrefix what lease ids begin with, so that they differ from those of a broker before
   *     this one
   */
  public BrokerState(int ownUid, String leasePrefix) {
    this.rights = new Rights(ownUid);
    this.leasePrefix = leasePrefix;
    this.deposits = new Deposits(out, rights);
    out.touch(Entry.OfBroker.KEY);
  }

  /** Changes the state, and says what has to be done, in order. */
  public List<Effect> apply(Event event, Instant moment) {
    out.begin(moment, 4);
    event.applyTo(this);
    return out.effects();
  }

  /** Ends what has come to its deadline. */
  public List<Effect> expire(Instant moment) {
    out.begin(moment, 0);
    if (asleep != null) {
      return out.effects();
    }
    for (LeaseId id = drainEnds.takeDue(moment); id != null; id = drainEnds.takeDue(moment)) {
      end(id, "not released by the deadline of its drain");
    }
    for (LeaseId id = askEnds.takeDue(moment); id != null; id = askEnds.takeDue(moment)) {
      askBySignal(id);
    }
    for (LeaseId id = restoreEnds.takeDue(moment); id != null; id = restoreEnds.takeDue(moment)) {
      end(id, "a broker before this one died, and its holder did not come back to restore it");
    }
    for (ListenerName name = retries.takeDue(moment);
        name != null;
        name = retries.takeDue(moment)) {
      Listener listener = listeners.get(name);
      if (listener != null) {
        bindAnew(listener);
      }
    }
    services.expire();
    finishIfOver();
    return out.effects();
  }

  /** When {@link #expire} must be called next; empty when nothing ends by itself. */
  public Optional<Instant> nextDeadline() {
    if (asleep != null) {
      return Optional.empty();
    }
    return earlier(
        earlier(drainEnds.earliest(), services.nextDeadline()),
        earlier(earlier(askEnds.earliest(), restoreEnds.earliest()), retries.earliest()));
  }

  private static Optional<Instant> earlier(Optional<Instant> one, Optional<Instant> other) {
    if (one.isEmpty() || other.isEmpty()) {
      return one.isEmpty() ? other : one;
    }
    return one.get().isBefore(other.get()) ? one : other;
  }

  public BrokerConfig config() {
    return config;
  }

  public int listenerCount() {
    return listeners.size();
  }

  /** All leases that there are. */
  public Set<LeaseId> leaseIds() {
    return Set.copyOf(leases.keySet());
  }

  /** Whether it is about to end, and begins nothing new. */
  public boolean isShuttingDown() {
    return shuttingDown;
  }

  /** Whether the lease has not ended. */
  public boolean hasLease(LeaseId id) {
    return leases.containsKey(id);
  }

  /** The sockets that a lease has, as they are now; none of one that has ended. */
  public List<Long> socketsOf(LeaseId id) {
    Lease lease = leases.get(id);
    return lease == null
        ? List.of()
        : lease.names().stream()
            .map(listeners::get)
            .filter(Objects::nonNull)
            .flatMap(each -> sockets(each).stream())
            .map(BoundSocket::id)
            .toList();
  }

  /** How workers of a service are stopped; the default of one that is not known. */
  public ServiceConfig.Stopping stopping(String service) {
    return services.stopping(service);
  }

  public int leaseCount() {
    return leases.size();
  }

  public int storedCount() {
    return deposits.count();
  }

  /** Whether the caller may use the operator's interface. */
  public boolean mayControl(Caller caller) {
    return rights.allows(caller, config.control());
  }

  /** Whether any rule at all names the caller. */
  public boolean hasAnyRight(Caller caller) {
    if (rights.hasAny(caller, config)) {
      return true;
    }
    for (Listener listener : listeners.values()) {
      if (rights.allows(caller, listener.config().allow())) {
        return true;
      }
    }
    return false;
  }

  // ---- what workers say

  void acquire(Event.Acquire request) {
    Caller caller = request.caller();
    List<ListenerName> names = request.names();
    if (names.isEmpty() || (names.size() > 1 && new HashSet<>(names).size() < names.size())) {
      out.refuse(caller, new Refusal.InvalidParameter("listeners"));
      return;
    }
    if (request.replace() && request.service() == null) {
      out.refuse(caller, new Refusal.InvalidParameter("service"));
      return;
    }
    String service = request.service();
    if (request.replace() && service != null && services.has(service)) {
      out.refuse(caller, new Refusal.ServiceSupervised(service));
      return;
    }
    List<Answer.Passed> sockets = new ArrayList<>(names.size());
    for (ListenerName name : names) {
      Listener listener = listeners.get(name);
      if (listener == null) {
        // The same answer as for one that exists, to a caller who may not even know.
        out.refuse(
            caller,
            rights.isPrivileged(caller) || hasAnyRight(caller)
                ? new Refusal.NoSuchListener(name.value())
                : new Refusal.NotPermitted(name.value(), "acquire"));
        return;
      }
      if (!rights.allows(caller, listener.config().allow())) {
        out.refuse(caller, new Refusal.NotPermitted(name.value(), "acquire"));
        return;
      }
      BoundSocket socket = listener.socket();
      if (socket == null) {
        out.refuse(caller, new Refusal.ListenerStopped(name.value()));
        return;
      }
      boolean threads = listener.config().spec().multithreaded();
      sockets.add(new Answer.Passed(name, socket, threads));
      BoundSocket companion = listener.companion();
      if (companion != null) {
        sockets.add(new Answer.Passed(name, companion, threads));
      }
    }
    Optional<Lease> given = leaseOfWorker(caller, names);
    if (given.isPresent()) {
      out.add(
          new Effect.Reply(
              caller.connection(), new Answer.Granted(given.get().id(), sockets, false)));
      return;
    }
    if (shuttingDown && waitForLeases) {
      out.refuse(caller, new Refusal.ShuttingDown()); // it would never be asked to finish
      return;
    }
    if (leases.size() >= MOST_LEASES) {
      out.refuse(caller, new Refusal.LimitReached("leases", MOST_LEASES));
      return;
    }
    Lease lease = new Lease(nextLeaseId(), request, out.now());
    leases.put(lease.id(), lease);
    out.touch(lease.key());
    if (lease.hold() == Hold.CONNECTION) {
      byConnection.computeIfAbsent(lease.connection(), key -> new HashSet<>(2)).add(lease.id());
    }
    for (ListenerName name : names) {
      join(listener(name), lease);
    }
    // The answer first: following the process and the log are not on the caller's way.
    out.add(
        new Effect.Reply(
            caller.connection(), new Answer.Granted(lease.id(), sockets, request.program())));
    if (lease.hold() == Hold.PROCESS) {
      out.add(new Effect.Follow(lease.id(), caller.connection()));
      if (lease.isOfProgram() && lease.pid() > 0) {
        out.add(
            new Effect.Observe(
                lease.id(),
                lease.pid(),
                sockets.stream().map(each -> each.socket().id()).toList()));
      }
    }
    notice(Notice.Kind.LEASE_GRANTED, lease, lease.describe());
  }

  /**
   * A supervised worker that asks for what it was given already has its lease: what it says of a
   * second one, and would be told by it, is meant for the first.
   */
  private Optional<Lease> leaseOfWorker(Caller caller, List<ListenerName> names) {
    return services
        .leaseOf(caller.pid())
        .map(leases::get)
        .filter(lease -> lease.state() != LeaseState.DRAINING)
        .filter(lease -> new HashSet<>(lease.names()).equals(new HashSet<>(names)));
  }

  private LeaseId nextLeaseId() {
    return new LeaseId(leasePrefix + ++lastLease);
  }

  private void join(Listener listener, Lease lease) {
    boolean first = listener.leases().isEmpty();
    listener.leases().add(lease.id());
    awaitConnection(listener);
    if (first) {
      for (BoundSocket socket : sockets(listener)) {
        if (listener.config().idle() == IdlePolicy.REFUSE && socket.kind().listens()) {
          listener.recover(socket.id()); // it is tried anew, and Broken comes again if it is
          out.add(new Effect.StartListening(socket.id(), listener.config().backlog()));
        }
        out.add(new Effect.Audit(socket.id(), true));
      }
    }
  }

  private void leave(Listener listener, Lease lease) {
    if (listener.leases().remove(lease.id()) && listener.leases().isEmpty()) {
      for (BoundSocket socket : sockets(listener)) {
        out.add(new Effect.Audit(socket.id(), false));
        if (!listener.shouldListen() && socket.kind().listens()) {
          out.add(new Effect.Refuse(socket.id()));
        }
      }
    }
    awaitConnection(listener);
  }

  /** A listener whose services a connection starts is watched while nobody takes connections. */
  private void awaitConnection(Listener listener) {
    boolean wanted =
        listener.config().idle() == IdlePolicy.SPAWN
            && listener.leases().stream()
                .map(leases::get)
                .allMatch(each -> each == null || each.state() == LeaseState.DRAINING);
    if (wanted != listener.awaited && listener.socket() != null) {
      listener.awaited = wanted;
      for (BoundSocket socket : sockets(listener)) {
        out.add(new Effect.AwaitConnection(socket.id(), wanted));
      }
    }
  }

  void ready(Event.Ready request) {
    Lease lease = ownLease(request.caller(), request.lease());
    if (lease == null) {
      return;
    }
    out.done(request.caller());
    becomeReady(lease, "said ready");
  }

  private void becomeReady(Lease lease, String reason) {
    if (lease.state() != LeaseState.WARMING
        || !become(lease, LeaseState.READY, Optional.empty(), reason)) {
      return;
    }
    unobserve(lease);
    if (lease.worker() != 0) {
      services.leaseReady(lease.worker());
    } else if (lease.replaces()) {
      replaceOlder(lease);
    }
  }

  private void unobserve(Lease lease) {
    if (lease.worker() != 0 || lease.isOfProgram()) {
      out.add(new Effect.Unobserve(lease.id()));
    }
  }

  private void replaceOlder(Lease lease) {
    for (Lease other : List.copyOf(leases.values())) {
      if (other == lease) {
        break; // those after it are newer: they replace this one, if they want to
      }
      if (Objects.equals(other.service(), lease.service())
          && !Collections.disjoint(other.names(), lease.names())
          && other.state() != LeaseState.DRAINING) {
        if (!rights.speaksFor(lease, other)) {
          notice(
              Notice.Kind.WARNING,
              other,
              "not replaced by lease " + lease.id().value() + ": it is another user's");
          continue;
        }
        drain(
            other,
            Optional.of(out.now().plus(config.limits().drainTime())),
            "replaced by lease " + lease.id().value(),
            other.stopSignal() == 0 ? SIGTERM : other.stopSignal());
      }
    }
  }

  void release(Event.Release request) {
    Lease lease = ownLease(request.caller(), request.lease());
    if (lease != null) {
      out.done(request.caller());
      endLease(lease, "released");
    }
  }

  void await(Event.Await request) {
    Lease lease = ownLease(request.caller(), request.lease());
    if (lease == null) {
      return;
    }
    Answer.State answer = lease.answer();
    if (request.more()) {
      lease.awaiting().add(request.caller().connection());
      if (!lease.awaited) {
        lease.awaited = true;
        out.touch(lease.key());
      }
      if (lease.state() == LeaseState.DRAINING) {
        asked(lease.id()); // by the answer
      }
      awaitingBy.put(request.caller().connection(), lease.id());
      out.add(new Effect.Reply(request.caller().connection(), answer));
    } else {
      out.add(
          new Effect.Reply(
              request.caller().connection(),
              new Answer.State(answer.state(), answer.deadline(), true)));
    }
  }

  void store(Event.Store request) {
    deposits.store(request, config);
  }

  void retrieve(Event.Retrieve request) {
    deposits.retrieve(request, config);
  }

  // ---- what operators say

  void listen(Event.Listen request) {
    if (mustWait(request)) {
      return;
    }
    Caller caller = request.caller();
    ListenerName name = request.name();
    if (!mayControl(caller)) {
      out.refuse(caller, new Refusal.NotPermitted(name.value(), "listen"));
      return;
    }
    Listener existing = listeners.get(name);
    if (existing != null && existing.config().equals(request.config())) {
      if (existing.hasFailed() && existing.shouldListen()) {
        bindAnew(existing);
        sockets(existing).forEach(socket -> out.add(new Effect.Heal(socket.id())));
      }
      answerListener(caller, existing);
      return;
    }
    if (request.config().isStopped()) {
      Listener listener = existing == null ? new Listener(name, request.config(), false) : existing;
      listeners.put(name, listener);
      out.touch(listener.key());
      closeSockets(listener, "stopped");
      listener.configure(request.config());
      out.notice(Notice.Kind.LISTENER_CLOSED, name.value(), null, "stopped; the name stays");
      answerListener(caller, listener);
      services.listenersChanged();
      return;
    }
    if (existing != null && existing.socket() != null) {
      out.refuse(caller, new Refusal.Conflict(name.value(), name.value()));
      return;
    }
    bind(
        new Pending(
            ++lastTransaction,
            caller.connection(),
            List.of(order(name, request.config())),
            Map.of(),
            List.of(),
            null));
  }

  private void answerListener(Caller caller, Listener listener) {
    out.add(new Effect.Reply(caller.connection(), new Answer.OneListener(listener.view())));
  }

  private static BindOrder order(ListenerName name, ListenerConfig config) {
    return new BindOrder(name, config, config.idle() != IdlePolicy.REFUSE);
  }

  private void bind(Pending transaction) {
    pending = transaction;
    out.add(new Effect.Bind(transaction.transaction(), transaction.orders()));
  }

  /**
   * Whether listeners are being bound, or bound anew. What changes listeners waits for the outcome,
   * which it was not decided upon.
   */
  private boolean mustWait(Event event) {
    if (!isBinding()) {
      return false;
    }
    postponed.add(event);
    return true;
  }

  private boolean isBinding() {
    return pending != null || !rebinding.isEmpty();
  }

  private void resume() {
    while (!isBinding() && !postponed.isEmpty()) {
      postponed.remove().applyTo(this);
    }
  }

  void close(Event.Close request) {
    if (mustWait(request)) {
      return;
    }
    Caller caller = request.caller();
    Listener listener = listeners.get(request.name());
    if (!mayControl(caller)) {
      out.refuse(caller, new Refusal.NotPermitted(request.name().value(), "close"));
    } else if (listener == null) {
      out.refuse(caller, new Refusal.NoSuchListener(request.name().value()));
    } else {
      remove(listener, "closed");
      out.done(caller);
      services.listenersChanged();
    }
  }

  void list(Event.ListAll request) {
    Caller caller = request.caller();
    if (!mayControl(caller)) {
      out.refuse(caller, new Refusal.NotPermitted("", "list"));
      return;
    }
    out.add(
        new Effect.Reply(
            caller.connection(),
            new Answer.Listing(listenerViews(), leaseViews(), deposits.views(), services.views())));
  }

  void watch(Event.Watch request) {
    Caller caller = request.caller();
    if (!mayControl(caller)) {
      out.refuse(caller, new Refusal.NotPermitted("", "list"));
      return;
    }
    out.watch(caller.connection());
    out.add(
        new Effect.Reply(caller.connection(), new Answer.Snapshot(listenerViews(), leaseViews())));
  }

  private List<Answer.ListenerView> listenerViews() {
    return listeners.values().stream().map(Listener::view).toList();
  }

  private List<Answer.LeaseView> leaseViews() {
    return leases.values().stream().map(Lease::view).toList();
  }

  void drain(Event.Drain request) {
    Caller caller = request.caller();
    Lease lease = leases.get(request.lease());
    if (!mayControl(caller)) {
      out.refuse(caller, new Refusal.NotPermitted(request.lease().value(), "drain"));
    } else if (lease == null) {
      out.refuse(caller, new Refusal.NoSuchLease(request.lease().value()));
    } else {
      out.done(caller);
      startDrain(lease, request.deadline(), "asked to drain");
    }
  }

  private void startDrain(Lease lease, Optional<Instant> deadline, String reason) {
    if (lease.worker() != 0) {
      services.drain(lease.worker(), deadline, reason);
    } else {
      drain(lease, deadline, reason, lease.stopSignal());
    }
  }

  /** The signal is for a holder that does not wait to be told; 0 for none. */
  private void drain(Lease lease, Optional<Instant> deadline, String reason, int signal) {
    boolean again = lease.state() == LeaseState.DRAINING;
    if (again && (deadline.isEmpty() || deadline.equals(lease.deadline()))) {
      return; // it drains already, and its end stays
    }
    if (become(lease, LeaseState.DRAINING, deadline, reason)) {
      deadline.ifPresent(at -> drainEnds.set(lease.id(), at));
      if (!again
          && signal != 0
          && lease.hold() == Hold.PROCESS
          && lease.awaiting().isEmpty()
          && !awaitReturn(lease)) {
        out.add(new Effect.StopHolder(lease.id(), signal));
      }
    }
  }

  /**
   * A holder that waited to be told, when the broker died, is told once it is back: a signal would
   * end it before it has answered what it has accepted. But it may have changed its mind.
   *
   * @return whether it is waited for
   */
  private boolean awaitReturn(Lease lease) {
    if (!lease.awaited || !lease.awaiting().isEmpty()) {
      return false;
    }
    Instant latest = out.now().plus(RETURN_TIME);
    Instant half =
        lease
            .deadline()
            .map(end -> out.now().plus(Duration.between(out.now(), end).dividedBy(2)))
            .orElse(latest);
    askEnds.set(lease.id(), half.isBefore(latest) ? half : latest);
    return true;
  }

  private void askBySignal(LeaseId id) {
    Lease lease = leases.get(id);
    if (lease == null || lease.asked) {
      return;
    }
    if (lease.worker() != 0) {
      services.signal(lease.worker());
    } else if (stopSignal(lease) != 0 && lease.hold() == Hold.PROCESS) {
      out.add(new Effect.StopHolder(id, stopSignal(lease)));
    }
  }

  // ---- configuration

  void configured(Event.Configured event) {
    if (mustWait(event)) {
      return;
    }
    BrokerConfig next = event.config();
    List<BindOrder> orders = new ArrayList<>();
    Map<ListenerName, ListenerConfig> inPlace = new LinkedHashMap<>();
    List<ListenerName> removed = new ArrayList<>();
    for (Map.Entry<ListenerName, ListenerConfig> entry : next.listeners().entrySet()) {
      ListenerName name = entry.getKey();
      ListenerConfig wanted = entry.getValue();
      Listener existing = listeners.get(name);
      if (existing != null && existing.config().equals(wanted)) {
        continue;
      }
      boolean rebind =
          existing != null && ListenerChange.between(existing.config(), wanted).needsRebind();
      // One that Listen opened, or that was adopted, is taken over if it can be made to fit.
      if (existing != null && !existing.isConfigured() && rebind) {
        out.refuse(event.connection(), new Refusal.Conflict(name.value(), name.value()));
        return;
      }
      if (wanted.isStopped()
          || (existing != null && (existing.socket() != null || existing.isLost()) && !rebind)) {
        inPlace.put(name, wanted);
      } else if (existing != null
          && existing.socket() != null
          && !ListenerPart.SPEC.differs(existing.config(), wanted)) {
        out.refuse(
            event.connection(),
            new Refusal.ReloadFailed(
                "listener "
                    + name.value()
                    + ": an option changed that is set before bind(2), or cannot be taken back, and the endpoint did not. A"
                    + " second socket cannot be bound there while the first lives, and closing the"
                    + " first would reset its queue: give the new one another name, or close "
                    + name.value()
                    + " first"));
        return;
      } else {
        orders.add(order(name, wanted));
      }
    }
    for (Listener listener : listeners.values()) {
      if (listener.isConfigured() && !next.listeners().containsKey(listener.name())) {
        removed.add(listener.name());
      }
    }
    Set<ListenerName> names = new HashSet<>(listeners.keySet());
    names.removeAll(removed);
    names.addAll(next.listeners().keySet());
    String obstacle = Services.obstacle(next, names);
    if (obstacle != null) {
      out.refuse(event.connection(), new Refusal.ReloadFailed(obstacle));
      return;
    }
    Pending transaction =
        new Pending(++lastTransaction, event.connection(), orders, inPlace, removed, next);
    if (orders.isEmpty()) {
      commit(transaction, List.of());
    } else {
      bind(transaction);
    }
  }

  void bound(Event.Bound event) {
    ListenerName again = rebinding.remove(event.transaction());
    if (again != null) {
      boundAnew(listener(again), event.opened().get(0));
      resume();
      return;
    }
    Pending transaction = takePending(event.transaction());
    if (transaction != null) {
      commit(transaction, event.opened());
      resume();
    }
  }

  private @Nullable Pending takePending(long transaction) {
    Pending taken = pending;
    if (taken == null || taken.transaction() != transaction) {
      return null;
    }
    pending = null;
    return taken;
  }

  private void commit(Pending transaction, List<Opened> opened) {
    BrokerConfig next = transaction.next();
    List<String> added = new ArrayList<>();
    List<String> changed = new ArrayList<>();
    List<String> removed = new ArrayList<>();
    Set<ListenerName> rebound = new HashSet<>();
    for (int i = 0; i < opened.size(); i++) {
      Opened sockets = opened.get(i);
      ListenerConfig wanted = transaction.orders().get(i).config();
      Listener existing = listeners.get(sockets.name());
      (existing == null ? added : changed).add(sockets.name().value());
      if (existing != null) {
        rebound.add(sockets.name());
      }
      open(sockets, wanted, next != null);
    }
    for (Map.Entry<ListenerName, ListenerConfig> entry : transaction.inPlace().entrySet()) {
      (listeners.containsKey(entry.getKey()) ? changed : added).add(entry.getKey().value());
      change(entry.getKey(), entry.getValue());
    }
    for (ListenerName name : transaction.removed()) {
      Listener listener = listeners.get(name);
      if (listener != null) {
        removed.add(name.value());
        remove(listener, "no longer in the configuration");
      }
    }
    if (next == null) {
      Listener only = listener(opened.get(0).name());
      out.reply(transaction.connection(), new Answer.OneListener(only.view()));
      services.listenersChanged();
      return;
    }
    for (ListenerName name : next.listeners().keySet()) {
      // Also one that Listen had opened just so: from now on the file says how it is to be.
      Listener listener = listener(name);
      listener.belongToConfiguration();
      out.touch(listener.key());
    }
    Answer.Changes ofListeners = new Answer.Changes(added, changed, removed);
    Answer.Changes ofServices =
        Services.changes(config.services(), next.services(), rebound::contains);
    config = next;
    out.reply(transaction.connection(), new Answer.Reloaded(ofListeners, ofServices));
    out.notice(
        Notice.Kind.RELOADED, (String) null, null, ofListeners + ", services: " + ofServices);
    services.configure(next.services(), rebound);
  }

  private void open(Opened sockets, ListenerConfig wanted, boolean configured) {
    Listener before = listeners.get(sockets.name());
    // One that the configuration has and Listen opened anew still is the configuration's.
    Listener listener =
        new Listener(
            sockets.name(), wanted, configured || (before != null && before.isConfigured()));
    listeners.put(sockets.name(), listener);
    out.touch(listener.key());
    listener.open(sockets.main(), sockets.companion().orElse(null));
    for (BoundSocket socket : sockets(listener)) {
      bySocket.put(socket.id(), listener);
    }
    awaitConnection(listener);
    out.notice(
        before == null ? Notice.Kind.LISTENER_OPENED : Notice.Kind.LISTENER_CHANGED,
        sockets.name().value(),
        null,
        sockets.main().endpoint());
    if (before != null) {
      forget(before);
      leaveBehind(before);
    }
  }

  /**
   * They hold the old socket, and serve its queue until they end; nothing of it is lost. But nobody
   * serves the new one yet, so they are not counted there.
   */
  private void leaveBehind(Listener before) {
    if (before.leases().isEmpty()) {
      return;
    }
    for (LeaseId id : before.leases()) {
      Lease lease = leases.get(id);
      if (lease != null) {
        lease.former().add(before.name());
        out.touch(lease.key());
      }
    }
    out.notice(
        Notice.Kind.WARNING,
        before.name().value(),
        null,
        before.leases().size()
            + " leases still serve the old endpoint until their workers are restarted");
  }

  private void change(ListenerName name, ListenerConfig wanted) {
    Listener listener = listeners.get(name);
    if (listener == null) {
      listener = new Listener(name, wanted, true);
      listeners.put(name, listener);
    }
    boolean listened = listener.shouldListen();
    listener.configure(wanted);
    out.touch(listener.key());
    if (wanted.isStopped()) {
      if (listener.socket() != null || listener.isLost()) {
        closeSockets(listener, "stopped");
        out.notice(Notice.Kind.LISTENER_CLOSED, name.value(), null, "stopped; the name stays");
      }
      return;
    }
    for (BoundSocket socket : sockets(listener)) {
      if (listener.shouldListen() && !listened && socket.kind().listens()) {
        out.add(new Effect.StartListening(socket.id(), wanted.backlog()));
      }
      out.add(new Effect.ApplySettings(socket.id(), wanted));
      if (!listener.shouldListen() && listened && socket.kind().listens()) {
        out.add(new Effect.Refuse(socket.id()));
      }
    }
    awaitConnection(listener);
    out.notice(Notice.Kind.LISTENER_CHANGED, name.value(), null, "options changed in place");
  }

  private void remove(Listener listener, String reason) {
    listeners.remove(listener.name());
    out.touch(listener.key());
    closeSockets(listener, reason);
    out.notice(Notice.Kind.LISTENER_CLOSED, listener.name().value(), null, reason);
  }

  /**
   * Closes the broker's descriptors; workers that hold the sockets keep them, and what is queued
   * there.
   */
  private void closeSockets(Listener listener, String reason) {
    // First of all: a lease that ends makes an idle listener refuse, which would shut the socket
    // down for the workers that still serve it.
    forget(listener);
    listener.open(null, null);
    for (LeaseId id : List.copyOf(listener.leases())) {
      Lease lease = leases.get(id);
      if (lease != null) {
        endLease(lease, "listener " + listener.name().value() + " " + reason);
      }
    }
  }

  private void forget(Listener listener) {
    retries.clear(listener.name());
    for (BoundSocket socket : sockets(listener)) {
      bySocket.remove(socket.id());
      out.add(new Effect.CloseSocket(socket.id()));
    }
  }

  void bindFailed(Event.BindFailed event) {
    ListenerName again = rebinding.remove(event.transaction());
    if (again != null) {
      notBoundAnew(listener(again), event.failure().message());
      resume();
      return;
    }
    Pending transaction = takePending(event.transaction());
    if (transaction != null) {
      refuseBind(transaction, event.failure());
      resume();
    }
  }

  private void refuseBind(Pending transaction, Refusal.BindFailed failure) {
    out.notice(Notice.Kind.LISTENER_FAILED, failure.name(), null, failure.message());
    for (Listener listener : listeners.values()) {
      for (BoundSocket socket : sockets(listener)) {
        if (failure.errno().equals("EADDRINUSE") && socket.endpoint().equals(failure.endpoint())) {
          out.refuse(
              transaction.connection(),
              new Refusal.Conflict(failure.name(), listener.name().value()));
          return;
        }
      }
    }
    out.refuse(transaction.connection(), failure);
  }

  // ---- what happens to sockets, processes and connections

  void hungUp(Event.HungUp event) {
    Listener listener = bySocket.get(event.socket());
    if (listener != null && listener.shouldListen()) {
      out.add(new Effect.Heal(event.socket()));
    }
  }

  void healed(Event.Healed event) {
    Listener listener = bySocket.get(event.socket());
    if (listener == null) {
      return;
    }
    listener.healed++;
    out.touch(listener.key());
    listener.recover(event.socket());
    out.notice(
        Notice.Kind.LISTENER_HEALED,
        listener.name().value(),
        null,
        "a holder had called shutdown(2) on it; "
            + (event.replaced()
                ? "a new socket listens in its place, and its leases end: they hold the dead one"
                : "it listens again"));
    if (event.replaced()) {
      for (LeaseId id : List.copyOf(listener.leases())) {
        Lease lease = leases.get(id);
        if (lease != null) {
          endLease(lease, "its socket was shut down and cannot be revived");
        }
      }
    }
  }

  void broken(Event.Broken event) {
    Listener listener = bySocket.get(event.socket());
    if (listener != null) {
      listener.fail(event.socket(), event.message());
      out.notice(Notice.Kind.LISTENER_FAILED, listener.name().value(), null, event.message());
    }
  }

  void audited(Event.Audited event) {
    Listener listener = bySocket.get(event.socket());
    if (listener == null) {
      return;
    }
    out.touch(listener.key());
    if (event.flagsRestored()) {
      listener.flagsRestored++;
      out.notice(
          Notice.Kind.FLAGS_RESTORED,
          listener.name().value(),
          null,
          "a holder had changed O_NONBLOCK for all; it is "
              + (listener.config().blocking() ? "off" : "on")
              + " again");
    }
    if (event.backlogRestored()) {
      listener.backlogRestored++;
      out.notice(
          Notice.Kind.BACKLOG_RESTORED,
          listener.name().value(),
          null,
          "a holder had called listen(2); the backlog is "
              + listener.config().backlog()
              + " again");
    }
  }

  void holderGone(Event.HolderGone event) {
    end(event.lease(), "holder exited");
  }

  void undelivered(Event.Undelivered event) {
    Lease lease = leases.get(event.lease());
    if (lease != null && lease.worker() == 0) { // a worker has its sockets from its start
      endLease(lease, "the sockets could not be delivered");
    }
  }

  private void end(LeaseId id, String reason) {
    Lease lease = leases.get(id);
    if (lease != null) {
      endLease(lease, reason);
    }
  }

  void connectionClosed(Event.ConnectionClosed event) {
    out.unwatch(event.connection());
    forgetAsker(event.connection());
    services.forgetAsker(event.connection());
    LeaseId awaited = awaitingBy.remove(event.connection());
    Lease awaitedLease = awaited == null ? null : leases.get(awaited);
    if (awaitedLease != null) {
      awaitedLease.awaiting().remove(event.connection());
      awaitedLease.awaited = !awaitedLease.awaiting().isEmpty();
      out.touch(awaitedLease.key());
    }
    Set<LeaseId> held = byConnection.remove(event.connection());
    if (held != null) {
      for (LeaseId id : held) {
        end(id, "connection closed");
      }
    }
  }

  private void forgetAsker(long connection) {
    if (pending != null && pending.connection() == connection) {
      pending = pending.withoutAsker();
    }
    for (Event event : List.copyOf(postponed)) {
      if (event.isAskedBy(connection)) {
        postponed.remove(event); // it was not begun
        event.drop(this);
      }
    }
  }

  void warned(Event.Warned event) {
    out.notice(Notice.Kind.WARNING, event.name(), null, event.message());
  }

  // ---- services

  void spawned(Event.Spawned event) {
    services.spawned(event);
  }

  void spawnFailed(Event.SpawnFailed event) {
    services.spawnFailed(event);
    finishIfOver();
  }

  void exited(Event.Exited event) {
    services.exited(event);
    finishIfOver();
  }

  void mainProcess(Event.MainProcess event) {
    services.mainProcess(event);
  }

  void lastOutput(Event.LastOutput event) {
    services.lastOutput(event);
  }

  void notified(Event.Notified event) {
    Lease lease = leases.get(event.lease());
    if (lease == null) {
      return;
    }
    if (event.said().ready()) {
      becomeReady(lease, "said READY=1");
    }
    if (lease.worker() != 0) {
      services.notified(lease.worker(), event.said());
    } else if (event.said().stopping() && lease.state() != LeaseState.DRAINING) {
      boolean unused = become(lease, LeaseState.DRAINING, Optional.empty(), "said STOPPING=1");
    }
  }

  void seen(Event.Seen event) {
    Lease lease = leases.get(event.lease());
    if (lease != null) {
      becomeReady(lease, "seen waiting on its listener");
    }
  }

  void connectionCame(Event.ConnectionCame event) {
    Listener listener = bySocket.get(event.socket());
    if (listener != null) {
      listener.awaited = false;
      services.connectionCame(listener.name());
    }
  }

  void openCounted(Event.OpenCounted event) {
    services.openCounted(event);
  }

  void restart(Event.Restart request) {
    if (mayOperate(request.caller(), request.service(), "restart")) {
      services.restart(request);
    }
  }

  void scale(Event.Scale request) {
    if (mayOperate(request.caller(), request.service(), "scale")) {
      services.scale(request);
    }
  }

  void stop(Event.Stop request) {
    if (mayOperate(request.caller(), request.service(), "stop")) {
      services.stop(request);
    }
  }

  void start(Event.Start request) {
    if (mayOperate(request.caller(), request.service(), "start")) {
      services.start(request);
    }
  }

  private boolean mayOperate(Caller caller, String service, String right) {
    if (mayControl(caller)) {
      return true;
    }
    out.refuse(caller, new Refusal.NotPermitted(service, right));
    return false;
  }

  void shutDown(Event.ShutDown event) {
    if (event.alone() && !waitForLeases) {
      for (Lease lease : List.copyOf(leases.values())) {
        if (lease.worker() == 0) {
          startDrain(
              lease,
              Optional.of(out.now().plus(config.limits().drainTime())),
              "the broker ends, and all with it");
        }
      }
    }
    shuttingDown = true;
    waitForLeases = event.alone();
    services.shutDown();
    finishIfOver();
  }

  private void finishIfOver() {
    if (shuttingDown
        && !finished
        && !services.hasWorkers()
        && (!waitForLeases || leases.values().stream().allMatch(each -> each.worker() != 0))) {
      finished = true;
      out.add(new Effect.Finish());
    }
  }

  /** The leases of supervised workers. */
  private final class WorkerLeases implements Services.Leases {

    @Override
    public @Nullable String obstacle(List<ListenerName> names) {
      for (ListenerName name : names) {
        Listener listener = listeners.get(name);
        if (listener == null) {
          return "no listener is named " + name.value() + "; open it, or reload";
        }
        if (listener.socket() == null) {
          return "the listener " + name.value() + " is stopped, and has no socket to pass";
        }
      }
      return null;
    }

    @Override
    public LeaseId grant(long worker, String service, ServiceConfig wanted) {
      Account account = wanted.launch().account();
      Caller caller =
          account == null
              ? new Caller(NOBODY, 0, rights.ownUid(), 0, List.of())
              : new Caller(NOBODY, 0, account.uid(), account.gid(), account.groups());
      Event.Acquire request =
          new Event.Acquire(caller, wanted.listeners(), Hold.PROCESS, service, false);
      Lease lease = new Lease(nextLeaseId(), request, out.now(), worker);
      leases.put(lease.id(), lease);
      out.touch(lease.key());
      lease.names().forEach(name -> join(listener(name), lease));
      return lease.id();
    }

    @Override
    public List<Answer.Passed> sockets(LeaseId id) {
      Lease lease = leases.get(id);
      List<Answer.Passed> result = new ArrayList<>();
      for (ListenerName name : lease == null ? List.<ListenerName>of() : lease.names()) {
        // It may be gone: who had it before it was bound anew keeps a lease on the old socket.
        Listener listener = listeners.get(name);
        if (listener != null) {
          boolean threads = listener.config().spec().multithreaded();
          for (BoundSocket socket : BrokerState.sockets(listener)) {
            result.add(new Answer.Passed(name, socket, threads));
          }
        }
      }
      return result;
    }

    @Override
    public void started(LeaseId id, int pid) {
      Lease lease = leases.get(id);
      if (lease != null) {
        lease.heldBy(pid);
        out.touch(lease.key());
      }
    }

    @Override
    public void ready(LeaseId id, String reason) {
      Lease lease = leases.get(id);
      if (lease != null) {
        becomeReady(lease, reason);
      }
    }

    @Override
    public boolean drain(LeaseId id, Instant deadline, String reason) {
      Lease lease = leases.get(id);
      // Its end is the end of its process, which has a deadline of its own.
      return lease != null
          && become(lease, LeaseState.DRAINING, Optional.of(deadline), reason)
          && (!lease.awaiting().isEmpty() || awaitsReturn(id));
    }

    @Override
    public boolean awaitsReturn(LeaseId id) {
      Lease lease = leases.get(id);
      return lease != null && !lease.asked && awaitReturn(lease);
    }

    @Override
    public void end(LeaseId id, String reason) {
      BrokerState.this.end(id, reason);
    }

    @Override
    public boolean has(LeaseId id) {
      return leases.containsKey(id);
    }

    @Override
    public boolean isAsked(LeaseId id) {
      Lease lease = leases.get(id);
      return lease != null && lease.asked;
    }

    @Override
    public Optional<Instant> deadline(LeaseId id) {
      return Optional.ofNullable(leases.get(id)).flatMap(Lease::deadline);
    }

    @Override
    public boolean areAwaited(List<ListenerName> names) {
      return names.stream().map(listeners::get).anyMatch(each -> each != null && each.isLost());
    }

    @Override
    public void awaitConnection(List<ListenerName> names) {
      names.stream()
          .map(listeners::get)
          .filter(Objects::nonNull)
          .forEach(BrokerState.this::awaitConnection);
    }

    @Override
    public boolean startsOnDemand(List<ListenerName> names) {
      return names.stream()
          .map(listeners::get)
          .anyMatch(each -> each != null && each.config().idle() == IdlePolicy.SPAWN);
    }
  }

  // ---- another life

  /** All that has to be known again, in the order in which it has to be read. */
  public List<Entry> entries() {
    List<Entry> result = new ArrayList<>();
    result.add(services.ownEntry());
    listeners.values().forEach(each -> result.add(each.entry()));
    result.addAll(services.serviceEntries());
    leases.values().forEach(each -> result.add(each.entry()));
    result.addAll(services.workerEntries());
    result.addAll(deposits.entries());
    return result;
  }

  /** What control connections wait for; also those with which leases end. */
  public List<Link> links() {
    Map<Long, String> askers = services.askers();
    Set<Long> connections = new TreeSet<>(awaitingBy.keySet());
    connections.addAll(out.watchers());
    connections.addAll(askers.keySet());
    connections.addAll(byConnection.keySet());
    return connections.stream()
        .map(
            each ->
                new Link(
                    each, awaitingBy.get(each), out.watchers().contains(each), askers.get(each)))
        .toList();
  }

  /** Whether nothing is under way that entries and links do not tell: a bind, a spawn. */
  public boolean isQuiet() {
    return !isBinding() && !services.isSpawning();
  }

  /** The entries that may have changed, come or gone since this was asked last. */
  public Set<Entry.Key> takeTouched() {
    return out.takeTouched();
  }

  /** One entry as it is now; empty when there is no such thing any more. */
  public Optional<Entry> entry(Entry.Key key) {
    return switch (key.kind()) {
      case BROKER -> Optional.of(services.ownEntry());
      case LISTENER ->
          Optional.ofNullable(listeners.get(ListenerName.parse(key.name()))).map(Listener::entry);
      case SERVICE -> services.serviceEntry(key.name());
      case LEASE -> Optional.ofNullable(leases.get(new LeaseId(key.name()))).map(Lease::entry);
      case WORKER -> services.workerEntry(key.name());
      case DEPOSIT -> deposits.entry(key.name());
    };
  }

  void remembered(Event.Remembered event) {
    asleep = event;
    Set<Long> neverRan = new HashSet<>();
    Set<Long> workers = new HashSet<>();
    for (Entry entry : event.entries()) {
      out.touch(entry.key());
      if (entry instanceof Entry.OfWorker worker) {
        (worker.pid() == 0 ? neverRan : workers).add(worker.worker());
      }
    }
    for (Entry entry : inOrder(event)) {
      if (entry instanceof Entry.OfBroker broker) {
        services.remember(broker);
      } else if (entry instanceof Entry.OfListener listener) {
        remember(listener, event.survivors());
      } else if (entry instanceof Entry.OfService service) {
        services.remember(service);
      } else if (entry instanceof Entry.OfLease lease) {
        // The program of a worker runs only after its process is known: this one never did.
        if (lease.worker() == 0 || workers.contains(lease.worker())) {
          remember(lease);
        }
      } else if (entry instanceof Entry.OfWorker worker) {
        if (!neverRan.contains(worker.worker())) {
          services.remember(worker);
        }
      } else if (entry instanceof Entry.OfDeposit deposit) {
        if (event.survivors().deposits().contains(deposit.descriptor())) {
          deposits.remember(deposit);
        }
      }
    }
    config = configured(event.config());
    event.links().forEach(this::remember);
    for (Lease lease : leases.values()) {
      followAgain(lease, event);
    }
    for (Listener listener : listeners.values()) {
      if (!listener.leases().isEmpty()) {
        sockets(listener).forEach(each -> out.add(new Effect.Audit(each.id(), true)));
      }
      awaitConnection(listener);
    }
    services.remembered(event.survivors());
  }

  /**
   * A journal tells each thing when it changed last; what is older has to come first again, since a
   * worker replaces those before it.
   */
  private static List<Entry> inOrder(Event.Remembered event) {
    if (event.survivors().handedOver()) {
      return event.entries();
    }
    List<Entry> sorted = new ArrayList<>(event.entries());
    sorted.sort(
        Comparator.comparing((Entry entry) -> entry.key().kind())
            .thenComparing(
                entry -> entry instanceof Entry.OfLease lease ? lease.since() : Instant.EPOCH)
            .thenComparing(entry -> entry.key().name().length())
            .thenComparing(entry -> entry.key().name()));
    return sorted;
  }

  /** As it was configured; the file as it is now comes as a change of this. */
  private BrokerConfig configured(BrokerConfig now) {
    TreeMap<ListenerName, ListenerConfig> before = new TreeMap<>();
    for (Listener listener : listeners.values()) {
      if (listener.isConfigured()) {
        before.put(listener.name(), listener.config());
      }
    }
    return new BrokerConfig(
        now.control(),
        now.store(),
        now.retrieve(),
        now.limits(),
        before,
        new TreeMap<>(services.wanted()));
  }

  private void remember(Entry.OfListener entry, Survivors survivors) {
    Listener listener = new Listener(entry.name(), entry.config(), entry.configured());
    listener.healed = entry.healed();
    listener.flagsRestored = entry.flagsRestored();
    listener.backlogRestored = entry.backlogRestored();
    BoundSocket main = entry.socket();
    BoundSocket beside = entry.companion();
    boolean hasMain = main != null && survivors.sockets().contains(main.id());
    boolean hasBeside = beside != null && survivors.sockets().contains(beside.id());
    BoundSocket lostMain = hasMain ? null : main;
    BoundSocket lostBeside = hasBeside ? null : beside;
    BoundSocket first = lostMain == null ? lostBeside : lostMain;
    listener.remember(
        hasMain ? main : null,
        hasBeside ? beside : null,
        first == null
            ? null
            : new Listener.Lost(
                lostMain,
                lostBeside,
                survivors.lost().getOrDefault(first.id(), "nobody holds it any more")));
    listeners.put(listener.name(), listener);
    sockets(listener).forEach(each -> bySocket.put(each.id(), listener));
  }

  private void remember(Entry.OfLease entry) {
    Lease lease = new Lease(entry);
    leases.put(lease.id(), lease);
    for (ListenerName name : lease.names()) {
      Listener listener = listeners.get(name);
      if (listener != null && !lease.former().contains(name)) {
        listener.leases().add(lease.id());
      }
    }
    if (lease.worker() == 0 && lease.state() == LeaseState.DRAINING) {
      lease.deadline().ifPresent(at -> drainEnds.set(lease.id(), at));
    }
  }

  private void remember(Link link) {
    LeaseId awaited = link.awaits();
    Lease lease = awaited == null ? null : leases.get(awaited);
    if (lease != null) {
      lease.awaiting().add(link.connection());
      lease.awaited = true; // a broker of an older version does not say so
      awaitingBy.put(link.connection(), lease.id());
    }
    if (link.watches()) {
      out.watch(link.connection());
    }
    String asked = link.asks();
    if (asked != null) {
      services.rememberAsker(asked, link.connection());
    }
  }

  /** Has the end of a caller's lease known again, if what it ends with is there. */
  private void followAgain(Lease lease, Event.Remembered event) {
    if (lease.worker() != 0) {
      return; // by its worker
    }
    if (lease.hold() == Hold.CONNECTION) {
      boolean there =
          event.survivors().handedOver()
              && event.links().stream().anyMatch(each -> each.connection() == lease.connection());
      if (there) {
        byConnection.computeIfAbsent(lease.connection(), key -> new HashSet<>(2)).add(lease.id());
      } else if (!event.survivors().handedOver()) {
        lease.heldThrough(Outbox.GONE);
      }
    } else if (event.survivors().leases().contains(lease.id())) {
      lease.followed = true;
      out.add(new Effect.FollowAgain(lease.id(), lease.state() == LeaseState.DRAINING));
      if (lease.isOfProgram() && lease.state() == LeaseState.WARMING && lease.pid() > 0) {
        out.add(new Effect.Observe(lease.id(), lease.pid(), socketsOf(lease.id())));
      }
    } else if (!event.survivors().handedOver() && lease.pid() == 0) {
      lease.heldThrough(Outbox.GONE); // of another pid namespace: nothing tells who it is
    }
  }

  void resumed(Event.Resumed event) {
    Event.Remembered before = asleep;
    asleep = null;
    if (before == null) {
      return;
    }
    Survivors survivors = before.survivors();
    if (!survivors.handedOver()) {
      tellWhatIsThere(before);
    }
    for (Listener listener : listeners.values()) {
      for (BoundSocket socket : sockets(listener)) {
        settle(listener, socket, survivors.handedOver());
      }
      bindAnew(listener);
    }
    for (Lease lease : List.copyOf(leases.values())) {
      resume(lease);
    }
    services.resumed(survivors.handedOver());
    finishIfOver();
  }

  /** The broker may have died between a change and what follows from it for the socket. */
  private void settle(Listener listener, BoundSocket socket, boolean handedOver) {
    boolean refuses = listener.config().idle() == IdlePolicy.REFUSE && socket.kind().listens();
    if (refuses && listener.shouldListen()) {
      out.add(new Effect.StartListening(socket.id(), listener.config().backlog()));
    }
    if (!handedOver) {
      out.add(new Effect.ApplySettings(socket.id(), listener.config()));
    }
    if (refuses && !listener.shouldListen()) {
      out.add(new Effect.Refuse(socket.id()));
    }
  }

  private void tellWhatIsThere(Event.Remembered before) {
    for (Listener listener : listeners.values()) {
      for (BoundSocket socket : sockets(listener)) {
        out.notice(
            Notice.Kind.LISTENER_RECOVERED, listener.name().value(), null, socket.endpoint());
      }
    }
    for (Entry entry : before.entries()) {
      if (entry instanceof Entry.OfDeposit deposit
          && !before.survivors().deposits().contains(deposit.descriptor())) {
        out.notice(
            Notice.Kind.WARNING,
            deposit.name(),
            null,
            "the stored descriptor is lost: only the broker that died had it. systemd keeps such"
                + " descriptors, if the unit has FileDescriptorStoreMax");
      }
    }
  }

  private void resume(Lease lease) {
    if (lease.worker() != 0) {
      return;
    }
    if (lease.hold() == Hold.CONNECTION
        ? byConnection.getOrDefault(lease.connection(), Set.of()).contains(lease.id())
        : lease.followed) {
      int signal = stopSignal(lease);
      if (lease.state() == LeaseState.DRAINING
          && !lease.asked
          && signal != 0
          && lease.hold() == Hold.PROCESS
          && !awaitReturn(lease)) {
        out.add(new Effect.StopHolder(lease.id(), signal));
      }
    } else if (lease.connection() == Outbox.GONE) {
      restoreEnds.set(lease.id(), out.now().plus(RESTORE_TIME));
    } else {
      endLease(
          lease,
          lease.hold() == Hold.CONNECTION
              ? "connection closed"
              : "its holder ended while no broker was there");
    }
  }

  /** What a draining lease's holder is asked to finish with; 0 for nothing. */
  private int stopSignal(Lease lease) {
    boolean replaced =
        leases.values().stream()
            .anyMatch(
                each ->
                    each.replaces()
                        && each.worker() == 0
                        && each.state() == LeaseState.READY
                        && Objects.equals(each.service(), lease.service())
                        && !Collections.disjoint(each.names(), lease.names()));
    return lease.stopSignal() == 0 && replaced ? SIGTERM : lease.stopSignal();
  }

  // ---- lost sockets

  /** Binds what was lost, if something was and nothing is being bound already; or tries later. */
  private void bindAnew(Listener listener) {
    Listener.Lost lost = listener.lost();
    if (lost == null || rebinding.containsValue(listener.name())) {
      return;
    }
    if (pending != null) {
      retries.set(listener.name(), out.now().plus(FIRST_RETRY));
      return;
    }
    retries.clear(listener.name());
    rebinding.put(++lastTransaction, listener.name());
    boolean beside = listener.companion() != null;
    out.add(
        new Effect.Bind(
            lastTransaction, List.of(lost.order(listener.name(), listener.config(), beside))));
  }

  private void notBoundAnew(Listener listener, String message) {
    Listener.Lost lost = listener.lost();
    if (lost == null) {
      return;
    }
    long socket = lost.sockets().get(0).id();
    String told = lost.why() + "; " + message;
    if (!told.equals(listener.failure(socket))) {
      listener.fail(socket, told);
      out.notice(
          Notice.Kind.LISTENER_FAILED,
          listener.name().value(),
          null,
          "its socket was not recovered: " + told + ". It is tried again");
    }
    Duration delay = listener.retryDelay.multipliedBy(2);
    delay = delay.compareTo(FIRST_RETRY) < 0 ? FIRST_RETRY : delay;
    listener.retryDelay = delay.compareTo(LONGEST_RETRY) < 0 ? delay : LONGEST_RETRY;
    retries.set(listener.name(), out.now().plus(listener.retryDelay));
  }

  private void boundAnew(Listener listener, Opened opened) {
    Listener.Lost lost = listener.lost();
    if (lost == null) {
      out.add(new Effect.CloseSocket(opened.main().id()));
      opened.companion().ifPresent(each -> out.add(new Effect.CloseSocket(each.id())));
      return;
    }
    out.touch(listener.key());
    BoundSocket main = listener.socket();
    BoundSocket beside = listener.companion();
    if (main == null) {
      // Whoever holds a lease does not hold this socket.
      for (BoundSocket each : sockets(listener)) {
        if (!listener.leases().isEmpty()) {
          out.add(new Effect.Audit(each.id(), false));
        }
      }
      leaveBehind(listener);
      listener.leases().clear();
      listener.open(opened.main(), beside == null ? opened.companion().orElse(null) : beside);
      if (beside != null && !listener.shouldListen()) {
        out.add(new Effect.Refuse(beside.id()));
      }
    } else {
      listener.open(main, opened.main());
      if (!listener.leases().isEmpty()) {
        if (listener.config().idle() == IdlePolicy.REFUSE) {
          out.add(new Effect.StartListening(opened.main().id(), listener.config().backlog()));
        }
        out.add(new Effect.Audit(opened.main().id(), true));
      }
    }
    sockets(listener).forEach(each -> bySocket.put(each.id(), listener));
    awaitConnection(listener);
    out.notice(
        Notice.Kind.LISTENER_LOST,
        listener.name().value(),
        null,
        opened.main().endpoint()
            + " is bound anew: "
            + lost.why()
            + "; what was queued there is lost");
    services.boundAnew(listener.name());
  }

  // ---- what holders bring back

  void restore(Event.Restore request) {
    if (mustWait(request)) {
      return;
    }
    Caller caller = request.caller();
    Lease lease = leases.get(request.lease());
    if (lease == null || !isHolder(request, lease)) {
      discard(request.offered());
      out.refuse(
          caller,
          lease == null
              ? new Refusal.NoSuchLease(request.lease().value())
              : new Refusal.NotPermitted(request.lease().value(), "restore"));
      return;
    }
    Set<ListenerName> accepted = new TreeSet<>();
    boolean regained = false;
    for (Offered each : request.offered()) {
      Listener listener =
          lease.names().contains(each.listener()) && !lease.former().contains(each.listener())
              ? listeners.get(each.listener())
              : null;
      BoundSocket known = listener == null ? null : sameEndpoint(listener, each);
      String fault = fault(listener, known, each);
      if (fault != null || listener == null || known == null) {
        out.add(new Effect.DiscardDescriptor(each.descriptor()));
        out.notice(
            Notice.Kind.WARNING,
            each.listener().value(),
            lease.id().value(),
            "a socket that its holder, " + describe(caller) + ", gave back is not taken: " + fault);
        continue;
      }
      accepted.add(listener.name());
      if (bySocket.containsKey(known.id())) {
        out.add(new Effect.DiscardDescriptor(each.descriptor()));
      } else {
        regain(listener, known, each, lease);
        regained = true;
      }
    }
    out.add(new Effect.Reply(caller.connection(), new Answer.Restored(List.copyOf(accepted))));
    if (lease.worker() == 0) {
      follow(lease, caller.connection());
    }
    notice(Notice.Kind.LEASE_RESTORED, lease, lease.describe());
    if (regained) {
      services.listenersChanged();
    }
  }

  /** Stricter than for what is asked of a lease: it becomes that process's once more. */
  private static boolean isHolder(Event.Restore request, Lease lease) {
    // What a worker started may speak for it: who offers the same socket has it anyway. So may what
    // a wrapper started that was given the lease: a sandbox, for example, which is followed.
    Caller caller = request.caller();
    return caller.uid() == lease.uid()
        && (lease.worker() != 0
            || lease.pid() == 0
            || caller.pid() == lease.pid()
            || (lease.followed && request.above().contains(lease.pid())));
  }

  private static String describe(Caller caller) {
    return "pid=" + caller.pid() + " uid=" + Integer.toUnsignedString(caller.uid());
  }

  void discard(List<Offered> offered) {
    offered.forEach(each -> out.add(new Effect.DiscardDescriptor(each.descriptor())));
  }

  /** What it should be: the socket of the listener, lost or not, that has its endpoint. */
  private static @Nullable BoundSocket sameEndpoint(Listener listener, Offered offered) {
    List<BoundSocket> all = listener.known();
    return all.stream()
        .filter(each -> each.endpoint().equals(offered.endpoint()))
        .findFirst()
        .orElse(all.isEmpty() ? null : all.get(0));
  }

  private static @Nullable String fault(
      @Nullable Listener listener, @Nullable BoundSocket known, Offered offered) {
    if (listener == null || known == null) {
      return "its lease does not have that listener";
    }
    SocketProof proof = known.proof();
    if (!known.endpoint().equals(offered.endpoint())) {
      return "its endpoint is " + offered.endpoint() + ", not " + known.endpoint();
    }
    if (known.kind() != offered.kind()) {
      return "it is a " + offered.kind().word() + " socket, not " + known.kind().word();
    }
    // One that refuses while nobody serves it does not listen then.
    if (offered.listening() != known.kind().listens()
        && (offered.listening() || listener.config().idle() != IdlePolicy.REFUSE)) {
      return offered.listening() ? "it listens" : "it does not listen";
    }
    if (differ(proof.inode(), offered.proof().inode())) {
      return "its inode is " + offered.proof().inode() + ", not " + proof.inode();
    }
    if (differ(proof.cookie(), offered.proof().cookie())) {
      return "its cookie is " + offered.proof().cookie() + ", not " + proof.cookie();
    }
    return null;
  }

  private static boolean differ(long known, long offered) {
    return known != 0 && offered != 0 && known != offered;
  }

  private void regain(Listener listener, BoundSocket known, Offered offered, Lease lease) {
    SocketProof proof = known.proof();
    BoundSocket socket =
        new BoundSocket(
            known.id(),
            known.endpoint(),
            known.kind(),
            known.port(),
            new SocketProof(
                proof.inode() == 0 ? offered.proof().inode() : proof.inode(),
                proof.cookie() == 0 ? offered.proof().cookie() : proof.cookie(),
                proof.path()));
    listener.regain(socket);
    bySocket.put(socket.id(), listener);
    out.touch(listener.key());
    if (listener.lost() == null) {
      retries.clear(listener.name());
      listener.retryDelay = Duration.ZERO;
    }
    out.add(
        new Effect.TakeOffered(offered.descriptor(), listener.name(), socket, listener.config()));
    if (!offered.listening() && socket.kind().listens()) {
      out.add(new Effect.StartListening(socket.id(), listener.config().backlog()));
    }
    out.add(new Effect.ApplySettings(socket.id(), listener.config())); // they may have changed
    out.add(new Effect.Audit(socket.id(), true)); // the lease that brings it has the listener
    if (listener.awaited) {
      out.add(new Effect.AwaitConnection(socket.id(), true));
    } else {
      awaitConnection(listener);
    }
    out.notice(
        Notice.Kind.LISTENER_RECOVERED,
        listener.name().value(),
        lease.id().value(),
        socket.endpoint() + " is given back by " + lease.describe());
  }

  /** Has the lease end with that connection, or with the process behind it. */
  private void follow(Lease lease, long connection) {
    if (lease.hold() == Hold.CONNECTION) {
      Set<LeaseId> held = byConnection.get(lease.connection());
      if (held != null && held.remove(lease.id()) && held.isEmpty()) {
        byConnection.remove(lease.connection());
      }
      byConnection.computeIfAbsent(connection, key -> new HashSet<>(2)).add(lease.id());
      lease.heldThrough(connection);
    } else if (!lease.followed) {
      lease.followed = true;
      lease.heldThrough(connection);
      out.add(new Effect.Follow(lease.id(), connection));
    }
    restoreEnds.clear(lease.id());
    out.touch(lease.key());
  }

  // ---- what runs already

  void adopted(Event.Adopted request) {
    if (mustWait(request)) {
      return;
    }
    Refusal refusal = obstacle(request);
    Caller caller = request.caller();
    if (refusal != null) {
      closeUnused(request.socket());
      out.refuse(caller, refusal);
      return;
    }
    Listener listener = new Listener(request.name(), request.config(), false);
    listeners.put(listener.name(), listener);
    listener.open(request.socket(), null);
    bySocket.put(request.socket().id(), listener);
    out.touch(listener.key());
    Event.Acquire held =
        new Event.Acquire(
            request.holder(),
            List.of(request.name()),
            Hold.PROCESS,
            request.service(),
            false,
            true,
            request.stopSignal());
    Lease lease = new Lease(nextLeaseId(), held, out.now());
    leases.put(lease.id(), lease);
    boolean serves = lease.become(LeaseState.READY, Optional.empty());
    BrokerState.require(serves, "a new lease becomes ready");
    out.touch(lease.key());
    listener.leases().add(lease.id()); // it listens already
    out.add(
        new Effect.Reply(
            caller.connection(), new Answer.AdoptedListener(listener.view(), lease.id())));
    out.add(new Effect.Follow(lease.id(), caller.connection()));
    out.add(new Effect.Audit(request.socket().id(), true));
    out.notice(
        Notice.Kind.LISTENER_ADOPTED,
        listener.name().value(),
        lease.id().value(),
        request.socket().endpoint() + " of " + lease.describe());
    services.listenersChanged();
  }

  private @Nullable Refusal obstacle(Event.Adopted request) {
    Caller caller = request.caller();
    String name = request.name().value();
    if (!mayControl(caller)
        || (!rights.isPrivileged(caller) && caller.uid() != request.holder().uid())) {
      return new Refusal.NotPermitted(name, "adopt");
    }
    if (shuttingDown) {
      return new Refusal.ShuttingDown();
    }
    Listener existing = listeners.get(request.name());
    if (existing != null && (existing.isConfigured() || !existing.config().isStopped())) {
      return new Refusal.Conflict(name, name);
    }
    for (Listener listener : listeners.values()) {
      for (BoundSocket socket : listener.known()) {
        if (socket.endpoint().equals(request.socket().endpoint())) {
          return new Refusal.Conflict(name, listener.name().value());
        }
      }
    }
    return leases.size() >= MOST_LEASES ? new Refusal.LimitReached("leases", MOST_LEASES) : null;
  }

  void closeUnused(BoundSocket socket) {
    out.add(new Effect.CloseSocket(socket.id()));
  }

  void asked(Event.Asked event) {
    asked(event.lease());
  }

  private void asked(LeaseId id) {
    Lease lease = leases.get(id);
    if (lease != null) {
      lease.asked = true;
      askEnds.clear(id);
      out.touch(lease.key());
    }
    services.asked(id, lease == null ? 0 : lease.worker());
  }

  void renewed(Event.Renewed event) {
    Listener listener = bySocket.get(event.socket().id());
    if (listener != null) {
      listener.renew(event.socket());
      out.touch(listener.key());
    }
  }

  // ---- shared by the above

  private boolean become(Lease lease, LeaseState next, Optional<Instant> deadline, String reason) {
    LeaseState before = lease.state();
    if (!lease.become(next, deadline)) {
      return false;
    }
    out.touch(lease.key());
    lease.asked |= next == LeaseState.DRAINING && !lease.awaiting().isEmpty();
    for (long connection : lease.awaiting()) {
      out.add(new Effect.Reply(connection, lease.answer()));
    }
    notice(
        switch (next) {
          case WARMING -> Notice.Kind.LEASE_GRANTED;
          case READY -> Notice.Kind.LEASE_READY;
          case DRAINING -> Notice.Kind.LEASE_DRAINING;
          case REVOKED -> Notice.Kind.LEASE_ENDED;
        },
        lease,
        "state=" + before + "->" + next + " reason=\"" + reason + "\" " + lease.describe());
    if (next == LeaseState.DRAINING) {
      lease.names().stream()
          .map(listeners::get)
          .filter(Objects::nonNull)
          .forEach(this::awaitConnection);
    }
    return true;
  }

  private void endLease(Lease lease, String reason) {
    if (!become(lease, LeaseState.REVOKED, Optional.empty(), reason)) {
      return;
    }
    leases.remove(lease.id());
    askEnds.clear(lease.id());
    drainEnds.clear(lease.id());
    restoreEnds.clear(lease.id());
    lease.awaiting().forEach(awaitingBy::remove);
    unobserve(lease);
    if (lease.isOfProgram()) {
      out.add(new Effect.CloseNotify(lease.id()));
    }
    if (lease.worker() == 0 && lease.hold() == Hold.PROCESS) {
      out.add(new Effect.Unfollow(lease.id()));
    } else if (lease.worker() == 0) {
      Set<LeaseId> held = byConnection.get(lease.connection());
      if (held != null && held.remove(lease.id()) && held.isEmpty()) {
        byConnection.remove(lease.connection());
      }
    }
    for (ListenerName name : lease.names()) {
      Listener listener = listeners.get(name);
      if (listener != null) {
        leave(listener, lease);
      }
    }
    if (lease.worker() != 0) {
      services.leaseEnded(lease.worker(), lease.asked, reason);
    }
    finishIfOver();
  }

  private @Nullable Lease ownLease(Caller caller, LeaseId id) {
    Lease lease = leases.get(id);
    if (lease == null) {
      out.refuse(caller, new Refusal.NoSuchLease(id.value()));
    } else if (!rights.owns(caller, lease)) {
      out.refuse(caller, new Refusal.NotPermitted(id.value(), "release"));
      return null;
    }
    return lease;
  }

  private Listener listener(ListenerName name) {
    Listener listener = listeners.get(name);
    if (listener == null) {
      throw new IllegalStateException("no listener " + name);
    }
    return listener;
  }

  private static List<BoundSocket> sockets(Listener listener) {
    return listener.sockets();
  }

  private void notice(Notice.Kind kind, Lease lease, String message) {
    String names =
        lease.names().size() == 1
            ? lease.names().get(0).value()
            : String.join(",", lease.names().stream().map(ListenerName::value).toList());
    out.notice(kind, names, lease.id().value(), message);
  }

  /** Throws when something that must always hold does not; for tests that walk at random. */
  void check() {
    for (Lease lease : leases.values()) {
      require(lease.state() != LeaseState.REVOKED, "an ended lease is forgotten");
      if (lease.hold() == Hold.CONNECTION) {
        require(
            asleep != null
                || restoreEnds.of(lease.id()).isPresent()
                || byConnection.getOrDefault(lease.connection(), Set.of()).contains(lease.id()),
            "a lease that follows a connection is found by it");
      } else {
        require(
            asleep != null || restoreEnds.of(lease.id()).isPresent() || lease.followed,
            "a lease's process is followed");
      }
    }
    for (Listener listener : listeners.values()) {
      for (LeaseId id : listener.leases()) {
        Lease lease = leases.get(id);
        require(
            lease != null && lease.names().contains(listener.name()), "a listener's leases live");
      }
      for (BoundSocket socket : sockets(listener)) {
        require(bySocket.get(socket.id()) == listener, "a socket has one listener");
      }
      require(
          listener.leases().isEmpty() || listener.socket() != null || listener.isLost(),
          "a leased listener has a socket");
      require(
          asleep != null
              || listener.lost() == null
              || retries.of(listener.name()).isPresent()
              || rebinding.containsValue(listener.name()),
          "a lost socket is bound anew some time");
    }
    long open = listeners.values().stream().mapToLong(each -> sockets(each).size()).sum();
    require(open == bySocket.size(), "no socket without a listener");
    for (Map.Entry<Long, LeaseId> entry : awaitingBy.entrySet()) {
      Lease lease = leases.get(entry.getValue());
      require(
          lease != null && lease.awaiting().contains(entry.getKey()),
          "who waits waits for a lease");
    }
    require(leases.size() <= MOST_LEASES, "the limit of leases");
    services.check();
    require(isBinding() || postponed.isEmpty(), "what waits, waits for a bind");
  }

  static void require(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException("broken invariant: " + what);
    }
  }
}
