package dev.holdfast.broker.control;

import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.loop.Timed;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.PeerCredentials;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.fd.Watcher;
import dev.holdfast.varlink.ByteSink;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.DeclaredDescriptors;
import dev.holdfast.varlink.DescriptorQueue;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * All peers of the control socket: takes new ones, bounds how many there are and how long they may
 * stall, and finds them again by number when their answer is there.
 */
public final class Connections implements Timed, AutoCloseable {

  /** Whoever acts on a whole call. */
  interface Calls {
    /**
     * Turns a call into an event, or answers it.
     *
     * @throws dev.holdfast.varlink.ProtocolException when the peer must be dropped for it
     */
    void act(Connection connection, Call call, DescriptorQueue descriptors) throws IOException;
  }

  private final ControlSocket socket;
  private final Poller poller;
  private final BrokerState state;
  private final Consumer<Event> events;
  private final Supplier<Instant> clock;
  private final Map<Long, Connection> byId = new HashMap<>();
  private final Map<Integer, Integer> countByUid = new HashMap<>();
  // Both in order of time, since each has one length for all. Who is closed leaves at once: what a
  // peer can make these hold is bounded by its connections, not by how often it comes.
  private final Map<Connection, Instant> silent = new LinkedHashMap<>();
  private final Map<Connection, Instant> stalled = new LinkedHashMap<>();
  private final Held held = new Held();
  private final Map<Long, Pidfd> kept = new HashMap<>(0); // of processes that were adopted
  private final Closing closing;
  private final List<Connection> fresh = new ArrayList<>(); // not registered yet
  private final ByteBuffer room = ByteBuffer.allocate(64 << 10);
  private ByteSink sink = new ByteSink(4096);
  private @Nullable OwnedFd spare;
  private @Nullable Calls calls;
  private long lastId = BrokerState.NOBODY;
  private long dropped;

  public Connections(
      ControlSocket socket,
      Poller poller,
      BrokerState state,
      Consumer<Event> events,
      Supplier<Instant> clock,
      Closing closing)
      throws ErrnoException {
    this.closing = closing;
    this.socket = socket;
    this.poller = poller;
    this.state = state;
    this.events = events;
    this.clock = clock;
    this.spare = OwnedFd.openForReading("/dev/null");
  }

  /** Starts taking connections. */
  void open(Calls actor) throws ErrnoException {
    calls = actor;
    socket.begin();
    poller.add(socket.listener().fd(), Poller.READABLE, (Watcher) ready -> accept());
  }

  /** How many there are now. */
  int count() {
    return byId.size();
  }

  /** The process behind a connection, as it was when it connected; 0 where it cannot be told. */
  public int pid(long id) {
    Connection connection = byId.get(id);
    return connection == null ? 0 : connection.caller().pid();
  }

  Optional<Connection> find(long id) {
    return Optional.ofNullable(byId.get(id));
  }

  private void accept() {
    Optional<UnixSocket> accepted;
    try {
      accepted = socket.listener().accept();
    } catch (ErrnoException e) {
      if (e.is(Errno.EMFILE) || e.is(Errno.ENFILE)) {
        turnAway(e);
      } else {
        warn(String.valueOf(e.getMessage()));
      }
      return;
    }
    if (accepted.isEmpty()) {
      return;
    }
    UnixSocket peer = accepted.get();
    // Or a flood of descriptors fills our table faster than it can be emptied.
    peer.acceptAtMost(DeclaredDescriptors.MOST);
    Caller caller;
    try {
      PeerCredentials credentials = peer.peerCredentials();
      caller =
          new Caller(
              ++lastId,
              credentials.pid(),
              credentials.uid(),
              credentials.gid(),
              credentials.groups());
    } catch (ErrnoException e) {
      peer.close();
      warn(String.valueOf(e.getMessage()));
      return;
    }
    int limit = state.config().limits().connectionsPerUid();
    if (countByUid.merge(caller.uid(), 1, Integer::sum) > limit) {
      forget(caller.uid());
      peer.close();
      drop(
          "uid "
              + Integer.toUnsignedString(caller.uid())
              + " has "
              + limit
              + " control connections (connections-per-uid)");
      return;
    }
    Connection connection = new Connection(caller.connection(), peer, caller, this);
    byId.put(connection.id(), connection);
    // The call is mostly there already. Registering with the poller comes after the answer.
    fresh.add(connection);
    connection.read();
  }

  /**
   * Without a descriptor for it a connection would stay in the queue and fire for ever: take it,
   * and close it.
   */
  private void turnAway(ErrnoException reason) {
    OwnedFd reserve = spare;
    if (reserve == null) {
      return;
    }
    reserve.close();
    spare = null;
    try {
      socket.listener().accept().ifPresent(UnixSocket::close);
      spare = OwnedFd.openForReading("/dev/null");
    } catch (ErrnoException e) {
      warn(String.valueOf(e.getMessage()));
    }
    drop("no descriptor is left for another control connection (" + reason.errnoName() + ")");
  }

  /**
   * Says the first of many like it at once, then each hundredth: a flood must not become a flood of
   * lines.
   */
  private void drop(String reason) {
    if (dropped++ % 100 == 0) {
      warn("dropped a control connection: " + reason + "; dropped so far: " + dropped);
    }
  }

  private void forget(int uid) {
    countByUid.computeIfPresent(
        uid, (key, count) -> count == 1 ? null : Integer.valueOf(count - 1));
  }

  /** Registers those who have come, after their first call was answered. */
  public void registerFresh() {
    if (calls == null) {
      return; // what they say could not be acted on yet
    }
    for (int i = 0; i < fresh.size(); i++) {
      Connection connection = fresh.get(i);
      connection
          .read(); // most have their answer by now and are gone: then there is nothing to watch
      try {
        connection.register(poller);
      } catch (ErrnoException e) {
        connection.close(e.getMessage());
      }
      if (connection.isOpen() && !connection.hasCalled()) {
        silent.put(connection, now());
      }
    }
    fresh.clear();
    if (spare == null) {
      try {
        spare = OwnedFd.openForReading("/dev/null");
      } catch (ErrnoException e) {
        return; // still none: the next time round
      }
    }
  }

  void dispatch(Connection connection, Call call, DescriptorQueue descriptors) throws IOException {
    if (calls != null) {
      calls.act(connection, call, descriptors);
    }
  }

  /** Whether the peer has to finish a frame, or to read a reply, before its time is over. */
  void stalls(Connection connection, boolean now) {
    if (now) {
      stalled.computeIfAbsent(connection, key -> now());
    } else {
      stalled.remove(connection);
    }
  }

  /** A peer that stalls has done a part: its time begins anew. */
  void moves(Connection connection) {
    stalled.remove(connection);
    stalled.put(connection, now());
  }

  Held held() {
    return held;
  }

  Closing closing() {
    return closing;
  }

  boolean hasAnyRight(Caller caller) {
    return state.hasAnyRight(caller);
  }

  @Override
  public Optional<Instant> nextDeadline() {
    BrokerConfig.Limits limits = state.config().limits();
    Optional<Instant> silence =
        first(silent).map(head -> head.getValue().plus(limits.silentTime()));
    Optional<Instant> stall = first(stalled).map(head -> head.getValue().plus(limits.frameTime()));
    if (silence.isPresent() && stall.isPresent()) {
      return silence.get().isBefore(stall.get()) ? silence : stall;
    }
    return silence.isPresent() ? silence : stall;
  }

  private static Optional<Map.Entry<Connection, Instant>> first(Map<Connection, Instant> waiting) {
    return waiting.isEmpty() ? Optional.empty() : Optional.of(waiting.entrySet().iterator().next());
  }

  @Override
  public void expire(Instant now) {
    BrokerConfig.Limits limits = state.config().limits();
    for (Connection late : takeLate(silent, now.minus(limits.silentTime()))) {
      if (!late.hasCalled()) {
        late.close("no call within " + limits.silentTime().toSeconds() + " s (silent-time)");
      }
    }
    for (Connection late : takeLate(stalled, now.minus(limits.frameTime()))) {
      late.close(
          "half a frame, or an unread reply, for "
              + limits.frameTime().toMillis()
              + " ms (frame-time)");
    }
  }

  private static List<Connection> takeLate(Map<Connection, Instant> waiting, Instant latest) {
    List<Connection> late = new ArrayList<>(0);
    Iterator<Map.Entry<Connection, Instant>> each = waiting.entrySet().iterator();
    while (each.hasNext()) {
      Map.Entry<Connection, Instant> next = each.next();
      if (next.getValue().isAfter(latest)) {
        break;
      }
      late.add(next.getKey());
      each.remove();
    }
    return late;
  }

  void closed(Connection connection, @Nullable String reason) {
    byId.remove(connection.id());
    silent.remove(connection);
    stalled.remove(connection);
    forget(connection.caller().uid());
    if (reason != null) {
      drop(
          "pid="
              + connection.caller().pid()
              + " uid="
              + Integer.toUnsignedString(connection.caller().uid())
              + ": "
              + reason);
    }
    events.accept(new Event.ConnectionClosed(connection.id()));
  }

  /**
   * Keeps the pidfd of a process for which somebody else asked, until a lease follows it or is
   * refused. It stays when the connection ends, since the process does not end with it.
   *
   * @param id who asked
   */
  public void keepPidfd(long id, Pidfd moved) {
    Pidfd before = kept.put(id, moved);
    if (before != null) {
      before.close();
    }
  }

  /**
   * Moves the pidfd that was kept for a connection, or else that of its peer, to the caller; empty
   * when the peer is gone.
   */
  public Optional<Pidfd> takePidfd(long id) {
    Pidfd adopted = kept.remove(id);
    if (adopted != null) {
      return Optional.of(adopted);
    }
    Connection connection = byId.get(id);
    return connection == null ? Optional.empty() : connection.takePidfd();
  }

  Poller poller() {
    return poller;
  }

  Instant now() {
    return clock.get();
  }

  ByteBuffer room() {
    return room.clear();
  }

  ByteSink sink() {
    if (sink.view().array().length > 1 << 20) {
      sink = new ByteSink(4096); // one large listing must not keep its memory for good
    }
    sink.clear();
    return sink;
  }

  void warn(String message) {
    events.accept(new Event.Warned(null, message));
  }

  // ---- another life

  /** A connection and its socket, for a successor. */
  public record Handed(HandedConnection connection, OwnedFd borrowed) {}

  /**
   * Whether no peer is in the middle of what cannot be handed over. A peer that does not go on can
   * keep it from being so: whoever waits for it does so for a while, and then hands over the rest.
   */
  public boolean isQuiet() {
    return byId.values().stream().allMatch(Connection::isQuiet);
  }

  /**
   * All connections, but for that of the successor itself, and those that cannot be handed over:
   * their peers see the end when this broker lets go.
   */
  public List<Handed> handOver() {
    List<Handed> all = new ArrayList<>(byId.size());
    for (Connection each : byId.values()) {
      each.handOver().ifPresent(text -> all.add(new Handed(text, each.descriptor())));
    }
    return all;
  }

  /**
   * Takes over a connection of a predecessor, under its number; ours go on above it. It is looked
   * at after {@link Methods#open}. As long as the predecessor may go on with it, it is given up by
   * {@link #letGo}: {@link #close} ends it for both.
   *
   * @throws IllegalArgumentException for one that makes no sense; nothing was taken then
   */
  public void adopt(HandedConnection handed, OwnedFd moved) {
    long id = handed.caller().connection();
    if (id <= BrokerState.NOBODY || byId.containsKey(id)) {
      throw new IllegalArgumentException("a second connection " + id);
    }
    UnixSocket peer = UnixSocket.adopt(moved);
    peer.acceptAtMost(DeclaredDescriptors.MOST);
    Connection connection = new Connection(handed, peer, this);
    byId.put(id, connection);
    countByUid.merge(handed.caller().uid(), 1, Integer::sum);
    lastId = Math.max(lastId, id);
    fresh.add(connection);
  }

  /**
   * Talks to a peer alone from now on, blocking: the successor whose call for a handover waits.
   * Must not be called while that call is being handed on, but after it.
   *
   * @return empty when the peer is gone
   */
  public Optional<Conversation> converse(long id) {
    return find(id).filter(Connection::isOpen).map(Conversation::new);
  }

  /**
   * Closes our descriptors of all peers and of the control socket, which they do not notice: a
   * successor has the same descriptions. Nothing else may be called after it.
   */
  public void letGo() {
    for (Connection connection : List.copyOf(byId.values())) {
      connection.letGo();
    }
    byId.clear();
    countByUid.clear();
    silent.clear();
    stalled.clear();
    fresh.clear();
    closeOwn();
    if (calls != null) {
      calls = null;
      try {
        poller.remove(socket.descriptor());
      } catch (ErrnoException e) {
        warn("leaving the control socket: " + e.getMessage());
      }
    }
    socket.letGo();
  }

  private void closeOwn() {
    kept.values().forEach(Pidfd::close);
    kept.clear();
    OwnedFd reserve = spare;
    if (reserve != null) {
      reserve.close();
      spare = null;
    }
  }

  /** Drops all peers, and gives up the control socket. */
  @Override
  public void close() throws IOException {
    if (calls != null) {
      poller.remove(socket.listener().fd());
    }
    for (Connection connection : List.copyOf(byId.values())) {
      connection.close(null);
    }
    closeOwn();
    socket.close();
  }
}
