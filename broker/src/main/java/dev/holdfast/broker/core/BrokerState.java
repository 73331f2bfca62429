package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
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

  private record Stored(String name, String kind, int uid, long descriptor) {}

  private record DrainEnd(Instant at, LeaseId lease) {}

  /** Stands for who asked, once that connection is gone: nobody is told. */
  private static final long GONE = -1;

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
      long outcome = next == null ? GONE : NOBODY;
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
  private final Set<Long> watchers = new LinkedHashSet<>();
  private final Map<String, Stored> stored = new TreeMap<>();
  private final Deque<Event> postponed = new ArrayDeque<>();
  private final PriorityQueue<DrainEnd> drainEnds =
      new PriorityQueue<>(Comparator.comparing(DrainEnd::at));
  private @Nullable Pending pending;
  private BrokerConfig config = BrokerConfig.EMPTY;
  private long lastTransaction;
  private long lastLease;

  // Of the event that is being applied.
  private List<Effect> effects = new ArrayList<>();
  private Instant now = Instant.EPOCH;

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
  }

  /** Changes the state, and says what has to be done, in order. */
  public List<Effect> apply(Event event, Instant moment) {
    now = moment;
    effects = new ArrayList<>(4);
    event.applyTo(this);
    return effects;
  }

  /** Ends what has come to its deadline. */
  public List<Effect> expire(Instant moment) {
    now = moment;
    effects = new ArrayList<>(0);
    while (!drainEnds.isEmpty() && !drainEnds.element().at().isAfter(now)) {
      DrainEnd end = drainEnds.remove();
      Lease lease = leases.get(end.lease());
      if (lease != null && lease.deadline().equals(Optional.of(end.at()))) {
        endLease(lease, "not released by the deadline of its drain");
      }
    }
    return effects;
  }

  /** When {@link #expire} must be called next; empty when nothing ends by itself. */
  public Optional<Instant> nextDeadline() {
    while (!drainEnds.isEmpty() && !isInForce(drainEnds.element())) {
      drainEnds.remove();
    }
    return drainEnds.isEmpty() ? Optional.empty() : Optional.of(drainEnds.element().at());
  }

  private boolean isInForce(DrainEnd end) {
    Lease lease = leases.get(end.lease());
    return lease != null && lease.deadline().equals(Optional.of(end.at()));
  }

  public BrokerConfig config() {
    return config;
  }

  public int listenerCount() {
    return listeners.size();
  }

  /** Whether the lease has not ended. */
  public boolean hasLease(LeaseId id) {
    return leases.containsKey(id);
  }

  public int leaseCount() {
    return leases.size();
  }

  public int storedCount() {
    return stored.size();
  }

  /** Whether the caller may use the operator's interface. */
  public boolean mayControl(Caller caller) {
    return rights.allows(caller, config.control());
  }

  /** Whether the caller may deposit descriptors. */
  public boolean mayStore(Caller caller) {
    return rights.allows(caller, config.store());
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
      refuse(caller, new Refusal.InvalidParameter("listeners"));
      return;
    }
    if (request.replace() && request.service() == null) {
      refuse(caller, new Refusal.InvalidParameter("service"));
      return;
    }
    List<Answer.Passed> sockets = new ArrayList<>(names.size());
    for (ListenerName name : names) {
      Listener listener = listeners.get(name);
      if (listener == null) {
        // The same answer as for one that exists, to a caller who may not even know.
        refuse(
            caller,
            rights.isPrivileged(caller) || hasAnyRight(caller)
                ? new Refusal.NoSuchListener(name.value())
                : new Refusal.NotPermitted(name.value(), "acquire"));
        return;
      }
      if (!rights.allows(caller, listener.config().allow())) {
        refuse(caller, new Refusal.NotPermitted(name.value(), "acquire"));
        return;
      }
      BoundSocket socket = listener.socket();
      if (socket == null) {
        refuse(caller, new Refusal.ListenerStopped(name.value()));
        return;
      }
      boolean threads = listener.config().spec().multithreaded();
      sockets.add(new Answer.Passed(name, socket, threads));
      BoundSocket companion = listener.companion();
      if (companion != null) {
        sockets.add(new Answer.Passed(name, companion, threads));
      }
    }
    if (leases.size() >= MOST_LEASES) {
      refuse(caller, new Refusal.LimitReached("leases", MOST_LEASES));
      return;
    }
    Lease lease = new Lease(new LeaseId(leasePrefix + ++lastLease), request, now);
    leases.put(lease.id(), lease);
    if (lease.hold() == Hold.CONNECTION) {
      byConnection.computeIfAbsent(lease.connection(), key -> new HashSet<>(2)).add(lease.id());
    }
    for (ListenerName name : names) {
      join(listener(name), lease);
    }
    // The answer first: following the process and the log are not on the caller's way.
    effects.add(new Effect.Reply(caller.connection(), new Answer.Granted(lease.id(), sockets)));
    if (lease.hold() == Hold.PROCESS) {
      effects.add(new Effect.Follow(lease.id(), caller.connection()));
    }
    notice(Notice.Kind.LEASE_GRANTED, lease, lease.describe());
  }

  private void join(Listener listener, Lease lease) {
    boolean first = listener.leases().isEmpty();
    listener.leases().add(lease.id());
    if (first) {
      for (BoundSocket socket : sockets(listener)) {
        if (listener.config().idle() == IdlePolicy.REFUSE && socket.kind().listens()) {
          listener.recover(socket.id()); // it is tried anew, and Broken comes again if it is
          effects.add(new Effect.StartListening(socket.id(), listener.config().backlog()));
        }
        effects.add(new Effect.Audit(socket.id(), true));
      }
    }
  }

  private void leave(Listener listener, Lease lease) {
    if (listener.leases().remove(lease.id()) && listener.leases().isEmpty()) {
      for (BoundSocket socket : sockets(listener)) {
        effects.add(new Effect.Audit(socket.id(), false));
        if (!listener.shouldListen() && socket.kind().listens()) {
          effects.add(new Effect.Refuse(socket.id()));
        }
      }
    }
  }

  void ready(Event.Ready request) {
    Lease lease = ownLease(request.caller(), request.lease());
    if (lease == null) {
      return;
    }
    done(request.caller());
    if (become(lease, LeaseState.READY, Optional.empty(), "said ready") && lease.replaces()) {
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
          startDrain(
              other,
              Optional.of(now.plus(config.limits().drainTime())),
              "replaced by lease " + lease.id().value());
        }
      }
    }
  }

  void release(Event.Release request) {
    Lease lease = ownLease(request.caller(), request.lease());
    if (lease != null) {
      done(request.caller());
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
      awaitingBy.put(request.caller().connection(), lease.id());
      effects.add(new Effect.Reply(request.caller().connection(), answer));
    } else {
      effects.add(
          new Effect.Reply(
              request.caller().connection(),
              new Answer.State(answer.state(), answer.deadline(), true)));
    }
  }

  void store(Event.Store request) {
    Caller caller = request.caller();
    Stored existing = stored.get(request.name());
    if (!mayStore(caller)
        || (existing != null && existing.uid() != caller.uid() && !rights.isPrivileged(caller))) {
      effects.add(new Effect.DiscardDescriptor(request.descriptor()));
      refuse(caller, new Refusal.NotPermitted(request.name(), "store"));
      return;
    }
    if (existing == null && stored.size() >= config.limits().stored()) {
      effects.add(new Effect.DiscardDescriptor(request.descriptor()));
      refuse(caller, new Refusal.LimitReached("stored", config.limits().stored()));
      return;
    }
    stored.put(
        request.name(),
        new Stored(request.name(), request.kind(), caller.uid(), request.descriptor()));
    if (existing != null) {
      effects.add(new Effect.DiscardDescriptor(existing.descriptor()));
    }
    done(caller);
    notice(
        Notice.Kind.STORED,
        request.name(),
        null,
        request.kind() + " uid=" + Integer.toUnsignedString(caller.uid()));
  }

  void retrieve(Event.Retrieve request) {
    Caller caller = request.caller();
    if (!rights.allows(caller, config.retrieve())) {
      refuse(caller, new Refusal.NotPermitted(request.name(), "retrieve"));
      return;
    }
    Stored existing = stored.get(request.name());
    if (existing == null) {
      refuse(caller, new Refusal.NoSuchDescriptor(request.name()));
      return;
    }
    if (request.remove()) {
      stored.remove(request.name());
      notice(
          Notice.Kind.REMOVED,
          request.name(),
          null,
          "retrieved by uid=" + Integer.toUnsignedString(caller.uid()));
    }
    effects.add(
        new Effect.Reply(
            caller.connection(), new Answer.Retrieved(existing.descriptor(), request.remove())));
  }

  // ---- what operators say

  void listen(Event.Listen request) {
    if (mustWait(request)) {
      return;
    }
    Caller caller = request.caller();
    ListenerName name = request.name();
    if (!mayControl(caller)) {
      refuse(caller, new Refusal.NotPermitted(name.value(), "listen"));
      return;
    }
    Listener existing = listeners.get(name);
    if (existing != null && existing.config().equals(request.config())) {
      if (existing.hasFailed() && existing.shouldListen()) {
        sockets(existing).forEach(socket -> effects.add(new Effect.Heal(socket.id())));
      }
      answerListener(caller, existing);
      return;
    }
    if (request.config().isStopped()) {
      Listener listener = existing == null ? new Listener(name, request.config(), false) : existing;
      listeners.put(name, listener);
      closeSockets(listener, "stopped");
      listener.configure(request.config());
      notice(Notice.Kind.LISTENER_CLOSED, name.value(), null, "stopped; the name stays");
      answerListener(caller, listener);
      return;
    }
    if (existing != null && existing.socket() != null) {
      refuse(caller, new Refusal.Conflict(name.value(), name.value()));
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
    effects.add(new Effect.Reply(caller.connection(), new Answer.OneListener(listener.view())));
  }

  private static BindOrder order(ListenerName name, ListenerConfig config) {
    return new BindOrder(name, config, config.idle() == IdlePolicy.QUEUE);
  }

  private void bind(Pending transaction) {
    pending = transaction;
    effects.add(new Effect.Bind(transaction.transaction(), transaction.orders()));
  }

  /**
   * Whether listeners are being bound. What changes listeners waits for the outcome, which it was
   * not decided upon.
   */
  private boolean mustWait(Event event) {
    if (pending == null) {
      return false;
    }
    postponed.add(event);
    return true;
  }

  private void resume() {
    while (pending == null && !postponed.isEmpty()) {
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
      refuse(caller, new Refusal.NotPermitted(request.name().value(), "close"));
    } else if (listener == null) {
      refuse(caller, new Refusal.NoSuchListener(request.name().value()));
    } else {
      remove(listener, "closed");
      done(caller);
    }
  }

  void list(Event.ListAll request) {
    Caller caller = request.caller();
    if (!mayControl(caller)) {
      refuse(caller, new Refusal.NotPermitted("", "list"));
      return;
    }
    effects.add(
        new Effect.Reply(
            caller.connection(),
            new Answer.Listing(
                listenerViews(),
                leaseViews(),
                stored.values().stream()
                    .map(entry -> new Answer.StoredView(entry.name(), entry.kind(), entry.uid()))
                    .toList())));
  }

  void watch(Event.Watch request) {
    Caller caller = request.caller();
    if (!mayControl(caller)) {
      refuse(caller, new Refusal.NotPermitted("", "list"));
      return;
    }
    watchers.add(caller.connection());
    effects.add(
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
      refuse(caller, new Refusal.NotPermitted(request.lease().value(), "drain"));
    } else if (lease == null) {
      refuse(caller, new Refusal.NoSuchLease(request.lease().value()));
    } else {
      done(caller);
      startDrain(lease, request.deadline(), "asked to drain");
    }
  }

  private void startDrain(Lease lease, Optional<Instant> deadline, String reason) {
    if (lease.state() == LeaseState.DRAINING
        && (deadline.isEmpty() || deadline.equals(lease.deadline()))) {
      return; // it drains already, and its end stays
    }
    if (become(lease, LeaseState.DRAINING, deadline, reason)) {
      deadline.ifPresent(at -> drainEnds.add(new DrainEnd(at, lease.id())));
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
      if (existing != null && !existing.isConfigured()) {
        refuse(event.connection(), new Refusal.Conflict(name.value(), name.value()));
        return;
      }
      if (wanted.isStopped()
          || (existing != null
              && existing.socket() != null
              && !ListenerChange.between(existing.config(), wanted).needsRebind())) {
        inPlace.put(name, wanted);
      } else if (existing != null
          && existing.socket() != null
          && !ListenerPart.SPEC.differs(existing.config(), wanted)) {
        refuse(
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
    Pending transaction =
        new Pending(++lastTransaction, event.connection(), orders, inPlace, removed, next);
    if (orders.isEmpty()) {
      commit(transaction, List.of());
    } else {
      bind(transaction);
    }
  }

  void bound(Event.Bound event) {
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
    for (int i = 0; i < opened.size(); i++) {
      Opened sockets = opened.get(i);
      ListenerConfig wanted = transaction.orders().get(i).config();
      Listener existing = listeners.get(sockets.name());
      (existing == null ? added : changed).add(sockets.name().value());
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
      reply(transaction.connection(), new Answer.OneListener(only.view()));
      return;
    }
    for (ListenerName name : next.listeners().keySet()) {
      // Also one that Listen had opened just so: from now on the file says how it is to be.
      listener(name).belongToConfiguration();
    }
    config = next;
    reply(transaction.connection(), new Answer.Reloaded(added, changed, removed));
    notice(
        Notice.Kind.RELOADED,
        (String) null,
        null,
        "added " + added + " changed " + changed + " removed " + removed);
  }

  private void open(Opened sockets, ListenerConfig wanted, boolean configured) {
    Listener before = listeners.get(sockets.name());
    // One that the configuration has and Listen opened anew still is the configuration's.
    Listener listener =
        new Listener(
            sockets.name(), wanted, configured || (before != null && before.isConfigured()));
    listeners.put(sockets.name(), listener);
    listener.open(sockets.main(), sockets.companion().orElse(null));
    for (BoundSocket socket : sockets(listener)) {
      bySocket.put(socket.id(), listener);
    }
    notice(
        before == null ? Notice.Kind.LISTENER_OPENED : Notice.Kind.LISTENER_CHANGED,
        sockets.name().value(),
        null,
        sockets.main().endpoint());
    if (before != null) {
      forget(before);
      if (!before.leases().isEmpty()) {
        // They hold the old socket, and serve its queue until they end; nothing of it is lost. But
        // nobody serves the new one yet, so they are not counted there.
        notice(
            Notice.Kind.WARNING,
            sockets.name().value(),
            null,
            before.leases().size()
                + " leases still serve the old endpoint until their workers are restarted");
      }
    }
  }

  private void change(ListenerName name, ListenerConfig wanted) {
    Listener listener = listeners.get(name);
    if (listener == null) {
      listener = new Listener(name, wanted, true);
      listeners.put(name, listener);
    }
    boolean listened = listener.shouldListen();
    listener.configure(wanted);
    if (wanted.isStopped()) {
      if (listener.socket() != null) {
        closeSockets(listener, "stopped");
        notice(Notice.Kind.LISTENER_CLOSED, name.value(), null, "stopped; the name stays");
      }
      return;
    }
    for (BoundSocket socket : sockets(listener)) {
      if (listener.shouldListen() && !listened && socket.kind().listens()) {
        effects.add(new Effect.StartListening(socket.id(), wanted.backlog()));
      }
      effects.add(new Effect.ApplySettings(socket.id(), wanted));
      if (!listener.shouldListen() && listened && socket.kind().listens()) {
        effects.add(new Effect.Refuse(socket.id()));
      }
    }
    notice(Notice.Kind.LISTENER_CHANGED, name.value(), null, "options changed in place");
  }

  private void remove(Listener listener, String reason) {
    listeners.remove(listener.name());
    closeSockets(listener, reason);
    notice(Notice.Kind.LISTENER_CLOSED, listener.name().value(), null, reason);
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
    for (BoundSocket socket : sockets(listener)) {
      bySocket.remove(socket.id());
      effects.add(new Effect.CloseSocket(socket.id()));
    }
  }

  void bindFailed(Event.BindFailed event) {
    Pending transaction = takePending(event.transaction());
    if (transaction != null) {
      refuseBind(transaction, event.failure());
      resume();
    }
  }

  private void refuseBind(Pending transaction, Refusal.BindFailed failure) {
    notice(Notice.Kind.LISTENER_FAILED, failure.name(), null, failure.message());
    for (Listener listener : listeners.values()) {
      for (BoundSocket socket : sockets(listener)) {
        if (failure.errno().equals("EADDRINUSE") && socket.endpoint().equals(failure.endpoint())) {
          refuse(
              transaction.connection(),
              new Refusal.Conflict(failure.name(), listener.name().value()));
          return;
        }
      }
    }
    refuse(transaction.connection(), failure);
  }

  // ---- what happens to sockets, processes and connections

  void hungUp(Event.HungUp event) {
    Listener listener = bySocket.get(event.socket());
    if (listener != null && listener.shouldListen()) {
      effects.add(new Effect.Heal(event.socket()));
    }
  }

  void healed(Event.Healed event) {
    Listener listener = bySocket.get(event.socket());
    if (listener == null) {
      return;
    }
    listener.healed++;
    listener.recover(event.socket());
    notice(
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
      notice(Notice.Kind.LISTENER_FAILED, listener.name().value(), null, event.message());
    }
  }

  void audited(Event.Audited event) {
    Listener listener = bySocket.get(event.socket());
    if (listener == null) {
      return;
    }
    if (event.flagsRestored()) {
      listener.flagsRestored++;
      notice(
          Notice.Kind.FLAGS_RESTORED,
          listener.name().value(),
          null,
          "a holder had changed O_NONBLOCK for all; it is "
              + (listener.config().blocking() ? "off" : "on")
              + " again");
    }
    if (event.backlogRestored()) {
      listener.backlogRestored++;
      notice(
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
    end(event.lease(), "the sockets could not be delivered");
  }

  private void end(LeaseId id, String reason) {
    Lease lease = leases.get(id);
    if (lease != null) {
      endLease(lease, reason);
    }
  }

  void connectionClosed(Event.ConnectionClosed event) {
    watchers.remove(event.connection());
    forgetAsker(event.connection());
    LeaseId awaited = awaitingBy.remove(event.connection());
    Lease awaitedLease = awaited == null ? null : leases.get(awaited);
    if (awaitedLease != null) {
      awaitedLease.awaiting().remove(event.connection());
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
      }
    }
  }

  void warned(Event.Warned event) {
    notice(Notice.Kind.WARNING, event.name(), null, event.message());
  }

  // ---- shared by the above

  private boolean become(Lease lease, LeaseState next, Optional<Instant> deadline, String reason) {
    LeaseState before = lease.state();
    if (!lease.become(next, deadline)) {
      return false;
    }
    for (long connection : lease.awaiting()) {
      effects.add(new Effect.Reply(connection, lease.answer()));
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
    return true;
  }

  private void endLease(Lease lease, String reason) {
    if (!become(lease, LeaseState.REVOKED, Optional.empty(), reason)) {
      return;
    }
    leases.remove(lease.id());
    lease.awaiting().forEach(awaitingBy::remove);
    if (lease.hold() == Hold.PROCESS) {
      effects.add(new Effect.Unfollow(lease.id()));
    } else {
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
  }

  private @Nullable Lease ownLease(Caller caller, LeaseId id) {
    Lease lease = leases.get(id);
    if (lease == null) {
      refuse(caller, new Refusal.NoSuchLease(id.value()));
    } else if (!rights.owns(caller, lease)) {
      refuse(caller, new Refusal.NotPermitted(id.value(), "release"));
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
    BoundSocket main = listener.socket();
    BoundSocket beside = listener.companion();
    if (main == null) {
      return List.of();
    }
    return beside == null ? List.of(main) : List.of(main, beside);
  }

  private void done(Caller caller) {
    effects.add(new Effect.Reply(caller.connection(), new Answer.Done()));
  }

  private void refuse(Caller caller, Refusal refusal) {
    refuse(caller.connection(), refusal);
  }

  private void refuse(long connection, Refusal refusal) {
    reply(connection, new Answer.Refused(refusal));
  }

  private void reply(long connection, Answer answer) {
    if (connection != GONE) {
      effects.add(new Effect.Reply(connection, answer));
    }
  }

  private void notice(Notice.Kind kind, Lease lease, String message) {
    String names =
        lease.names().size() == 1
            ? lease.names().get(0).value()
            : String.join(",", lease.names().stream().map(ListenerName::value).toList());
    notice(kind, names, lease.id().value(), message);
  }

  private void notice(
      Notice.Kind kind, @Nullable String name, @Nullable String lease, String message) {
    Notice notice = new Notice(kind, name, lease, message, now);
    effects.add(new Effect.Log(notice));
    for (long watcher : watchers) {
      effects.add(new Effect.Reply(watcher, new Answer.Happened(notice)));
    }
  }

  /** Throws when something that must always hold does not; for tests that walk at random. */
  void check() {
    for (Lease lease : leases.values()) {
      require(lease.state() != LeaseState.REVOKED, "an ended lease is forgotten");
      if (lease.hold() == Hold.CONNECTION) {
        require(
            byConnection.getOrDefault(lease.connection(), Set.of()).contains(lease.id()),
            "a lease that follows a connection is found by it");
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
          listener.leases().isEmpty() || listener.socket() != null,
          "a leased listener has a socket");
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
    require(pending != null || postponed.isEmpty(), "what waits, waits for a bind");
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException("broken invariant: " + what);
    }
  }
}
