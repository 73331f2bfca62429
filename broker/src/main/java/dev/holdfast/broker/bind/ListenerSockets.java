package dev.holdfast.broker.bind;

import dev.holdfast.broker.core.BindOrder;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Opened;
import dev.holdfast.broker.core.Refusal;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.fd.AcceptQueue;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.listener.Transport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The sockets that the broker holds. Every listening one is watched for being shut down by a
 * worker; one that workers hold is checked for changed flags and backlog, but only when connections
 * come: a listener that nobody connects to wakes nobody.
 */
public final class ListenerSockets implements AutoCloseable {

  private final Map<Long, HeldSocket> held = new HashMap<>();
  private final Set<String> endpoints = new HashSet<>(); // of all that are held
  private final TreeSet<HeldSocket> audits =
      new TreeSet<>(
          Comparator.comparing((HeldSocket socket) -> auditTime(socket))
              .thenComparing(socket -> socket.bound.id()));
  private final SocketMaker maker;
  private final Poller poller;
  private final Consumer<Event> events;
  private final Supplier<Instant> clock;
  private Duration auditEvery = Duration.ofSeconds(1);

  /** Registers with the poller, and tells events to the consumer, on the loop's thread. */
  public ListenerSockets(
      HostAddresses addresses, Poller poller, Consumer<Event> events, Supplier<Instant> clock) {
    this.maker = new SocketMaker(addresses, endpoints::contains);
    this.poller = poller;
    this.events = events;
    this.clock = clock;
  }

  private static Instant auditTime(HeldSocket socket) {
    Instant at = socket.auditAt;
    return at == null ? Instant.MAX : at;
  }

  /** The kernel's cap on every backlog as it is now; 0 where /proc does not tell. */
  public static int somaxconn() {
    try {
      // Not readString: it begins with one byte, and a file of /proc/sys ends after a first short
      // read.
      List<String> lines = Files.readAllLines(Path.of("/proc/sys/net/core/somaxconn"));
      return Integer.parseInt(lines.get(0).strip());
    } catch (IOException | NumberFormatException e) {
      return 0;
    }
  }

  public void auditEvery(Duration interval) {
    auditEvery = interval;
  }

  /**
   * Binds all, or closes again what it had bound, and tells {@link Event.Bound} or {@link
   * Event.BindFailed}.
   */
  public void bind(long transaction, List<BindOrder> orders) {
    List<HeldSocket> made = new ArrayList<>();
    List<Opened> opened = new ArrayList<>();
    BindOrder current = orders.get(0);
    try {
      for (BindOrder order : orders) {
        current = order;
        HeldSocket main = maker.main(order);
        keep(main, made);
        Optional<HeldSocket> companion = maker.companion(order, main);
        companion.ifPresent(socket -> keep(socket, made));
        opened.add(new Opened(order.name(), main.bound, companion.map(socket -> socket.bound)));
      }
      for (HeldSocket socket : made) {
        held.put(socket.bound.id(), socket);
      }
      for (int i = 0, next = 0; i < orders.size(); i++) {
        int count = opened.get(i).companion().isPresent() ? 2 : 1;
        for (int j = 0; j < count; j++) {
          if (orders.get(i).listening()) {
            current = orders.get(i);
            listen(made.get(next + j));
          }
        }
        next += count;
      }
    } catch (BindException e) {
      undo(made);
      events.accept(
          new Event.BindFailed(
              transaction,
              new Refusal.BindFailed(
                  current.name().value(),
                  e.endpoint(),
                  e.errno(),
                  String.valueOf(e.getMessage()))));
      return;
    } catch (RuntimeException e) {
      // A bug of ours costs this bind, not all listeners.
      undo(made);
      events.accept(
          new Event.BindFailed(
              transaction,
              new Refusal.BindFailed(
                  current.name().value(),
                  current.config().spec().toString(),
                  "EINVAL",
                  "internal error, please report it: " + e)));
      return;
    }
    events.accept(new Event.Bound(transaction, opened));
    made.forEach(this::warnOfCappedBacklog);
  }

  private void keep(HeldSocket socket, List<HeldSocket> made) {
    made.add(socket);
    endpoints.add(socket.bound.endpoint());
  }

  private void undo(List<HeldSocket> made) {
    for (HeldSocket socket : made) {
      held.remove(socket.bound.id());
      discard(socket);
    }
  }

  private void warnOfCappedBacklog(HeldSocket socket) {
    // Who did not ask for a number gets what there is.
    if (socket.listening
        && socket.queueLimit < socket.config.backlog()
        && socket.config.backlog() != ListenerConfig.DEFAULT_BACKLOG) {
      events.accept(
          new Event.Warned(
              socket.name.value(),
              "backlog "
                  + socket.config.backlog()
                  + " is capped at "
                  + socket.queueLimit
                  + " by the kernel; sysctl net.core.somaxconn raises it"));
    }
  }

  private void listen(HeldSocket socket) throws BindException {
    try {
      if (socket.bound.kind().listens()) {
        askKernelToListen(socket);
      }
      socket.listening = true;
      watch(socket);
    } catch (ErrnoException e) {
      throw BindException.of(socket.bound.endpoint(), e);
    }
  }

  private static void askKernelToListen(HeldSocket socket) throws ErrnoException {
    Sockets.listen(socket.fd, socket.config.backlog(), socket.bound.endpoint());
    // What it made of the backlog depends on a sysctl that can change; a Unix socket does not tell.
    socket.queueLimit =
        socket.isUnix() ? socket.config.backlog() : Sockets.acceptQueue(socket.fd).limit();
  }

  private void watch(HeldSocket socket) throws ErrnoException {
    if (!socket.watched) {
      // No event at all is asked for; a hang-up is always told.
      poller.add(
          socket.fd,
          socket.audited || socket.awaited ? Poller.READABLE : 0,
          (Watcher) ready -> seen(socket, ready));
      socket.watched = true;
    }
  }

  private void unwatch(HeldSocket socket) {
    if (socket.watched) {
      socket.watched = false;
      try {
        poller.remove(socket.fd);
      } catch (ErrnoException e) {
        warn(socket, e);
      }
    }
  }

  private void seen(HeldSocket socket, int ready) {
    if ((ready & Poller.HANGUP) != 0 && socket.bound.kind().listens()) {
      unwatch(socket); // it would fire until it is healed
      events.accept(new Event.HungUp(socket.bound.id()));
    } else if ((ready & Poller.READABLE) != 0) {
      // A connection came. Look at the flags soon, and until then do not wake for each of them.
      listenFor(socket, 0);
      if (socket.audited) {
        schedule(socket, clock.get().plus(auditEvery));
      }
      if (socket.awaited || socket.audited) {
        socket.awaited = false;
        events.accept(new Event.ConnectionCame(socket.bound.id()));
      }
    }
  }

  private void listenFor(HeldSocket socket, int readiness) {
    if (socket.watched) {
      try {
        poller.modify(socket.fd, readiness);
      } catch (ErrnoException e) {
        warn(socket, e);
      }
    }
  }

  private void schedule(HeldSocket socket, Instant at) {
    unschedule(socket);
    socket.auditAt = at;
    audits.add(socket);
  }

  private void unschedule(HeldSocket socket) {
    if (socket.auditAt != null) {
      audits.remove(socket);
      socket.auditAt = null;
    }
  }

  /** When {@link #expire} has something to do. */
  public Optional<Instant> nextDeadline() {
    return audits.isEmpty() ? Optional.empty() : Optional.of(auditTime(audits.first()));
  }

  /** Checks the sockets whose time has come. */
  public void expire(Instant now) {
    while (!audits.isEmpty() && !auditTime(audits.first()).isAfter(now)) {
      HeldSocket socket = audits.first();
      unschedule(socket);
      audit(socket);
      if (socket.audited) {
        listenFor(socket, Poller.READABLE);
      }
    }
  }

  /** A worker holds the socket now, or none does any more. */
  public void audit(long id, boolean on) {
    HeldSocket socket = held.get(id);
    if (socket == null) {
      return;
    }
    socket.audited = on;
    if (on) {
      listenFor(socket, Poller.READABLE);
    } else {
      unschedule(socket);
      listenFor(socket, socket.awaited ? Poller.READABLE : 0);
      audit(socket); // what the last one changed outlives it
    }
  }

  private void audit(HeldSocket socket) {
    if (!socket.listening || !socket.fd.isOpen()) {
      return;
    }
    boolean flags = false;
    boolean backlog = false;
    try {
      boolean wanted = !socket.config.blocking();
      if (Sockets.isNonBlocking(socket.fd) != wanted) {
        Sockets.setNonBlocking(socket.fd, wanted);
        flags = true;
      }
      if (!socket.isUnix() && socket.bound.kind().listens()) {
        if (!Sockets.isListening(socket.fd)) {
          events.accept(new Event.HungUp(socket.bound.id()));
        } else if (Sockets.acceptQueue(socket.fd).limit() != socket.queueLimit) {
          askKernelToListen(socket);
          backlog = true;
        }
      }
    } catch (ErrnoException e) {
      warn(socket, e);
    }
    if (flags || backlog) {
      events.accept(new Event.Audited(socket.bound.id(), flags, backlog));
    }
  }

  /** Whether the next connection, or one that waits already, is to be told of. */
  public void awaitConnection(long id, boolean on) {
    HeldSocket socket = held.get(id);
    if (socket != null) {
      socket.awaited = on;
      listenFor(socket, on || socket.audited ? Poller.READABLE : 0);
    }
  }

  /** Lets clients in that were refused until now. */
  public void startListening(long id, int backlog) {
    HeldSocket socket = held.get(id);
    if (socket != null && !socket.listening) {
      try {
        if (socket.isUnix() && (!socket.fd.isOpen() || Sockets.isListening(socket.fd))) {
          renew(socket); // the kernel does not revive one that was shut down
        }
        listen(socket);
      } catch (ErrnoException | BindException e) {
        events.accept(new Event.Broken(id, String.valueOf(e.getMessage())));
      }
    }
  }

  /** Refuses clients from now on, and keeps the endpoint. */
  public void refuse(long id) {
    HeldSocket socket = held.get(id);
    if (socket == null || !socket.listening) {
      return;
    }
    unschedule(socket);
    unwatch(socket);
    socket.listening = false;
    if (!socket.fd.isOpen()) {
      return; // it could not be renewed: then nobody gets in anyway
    }
    try {
      Sockets.stopListening(socket.fd, socket.bound.endpoint());
    } catch (ErrnoException e) {
      events.accept(new Event.Broken(id, String.valueOf(e.getMessage())));
    }
  }

  /**
   * Makes a socket listen again that was shut down; a Unix one is replaced, since the kernel does
   * not revive it.
   */
  public void heal(long id) {
    HeldSocket socket = held.get(id);
    if (socket == null) {
      return;
    }
    unwatch(socket);
    try {
      if (socket.isUnix()) {
        renew(socket);
      }
      listen(socket);
      if (!socket.isUnix() && !Sockets.facts(socket.fd).address().equals(socket.bound.endpoint())) {
        throw new BindException(
            socket.bound.endpoint(),
            "EADDRNOTAVAIL",
            "listen "
                + socket.bound.endpoint()
                + ": after it was shut down it came back elsewhere");
      }
      events.accept(new Event.Healed(id, socket.isUnix()));
    } catch (ErrnoException | BindException e) {
      socket.listening = false;
      events.accept(new Event.Broken(id, String.valueOf(e.getMessage())));
    }
  }

  private void renew(HeldSocket socket) throws BindException {
    SocketMaker.renewUnix(socket);
    events.accept(new Event.Renewed(socket.bound));
  }

  /** Puts what can change on a living socket. */
  public void applySettings(long id, ListenerConfig config) {
    HeldSocket socket = held.get(id);
    if (socket == null) {
      return;
    }
    ListenerConfig old = socket.config;
    socket.config = config;
    if (!socket.fd.isOpen()) {
      return; // the next renewal makes one with these settings
    }
    String endpoint = socket.bound.endpoint();
    try {
      if (!socket.isUnix()) {
        SocketMaker.unset(socket.fd, old.socket(), config.socket(), endpoint);
      }
      SocketMaker.applyAnytime(socket.fd, config, endpoint);
      if (!socket.isUnix() && socket.bound.kind().listens()) {
        SocketMaker.applyTcp(socket.fd, config.socket(), endpoint);
      }
      if (socket.listening && socket.bound.kind().listens()) {
        askKernelToListen(socket);
      }
      UnixPath path = socket.path;
      if (path != null) {
        path.apply(config.socket());
      }
      warnOfCappedBacklog(socket);
    } catch (IOException e) {
      warn(socket, e);
    }
  }

  /** Borrows the descriptor of a socket, to pass it on; empty when it was closed. */
  public Optional<OwnedFd> descriptor(long id) {
    HeldSocket socket = held.get(id);
    // One that could not be renewed after a shutdown has none.
    return socket == null || !socket.fd.isOpen() ? Optional.empty() : Optional.of(socket.fd);
  }

  /** The kernel's view of a listening TCP socket; empty for others. */
  public Optional<AcceptQueue> acceptQueue(long id) {
    HeldSocket socket = held.get(id);
    if (socket == null || socket.isUnix() || !socket.listening || !socket.bound.kind().listens()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Sockets.acceptQueue(socket.fd));
    } catch (ErrnoException e) {
      warn(socket, e);
      return Optional.empty();
    }
  }

  /** Closes our descriptor, and removes the path if it is still ours. Workers keep theirs. */
  public void closeSocket(long id) {
    HeldSocket socket = held.remove(id);
    if (socket != null) {
      discard(socket);
    }
  }

  private void discard(HeldSocket socket) {
    endpoints.remove(socket.bound.endpoint());
    unschedule(socket);
    unwatch(socket);
    try {
      UnixPath path = socket.path;
      if (path != null) {
        path.remove();
      }
    } catch (IOException e) {
      warn(socket, e);
    }
    socket.fd.close();
  }

  private void warn(HeldSocket socket, IOException problem) {
    events.accept(
        new Event.Warned(
            socket.name.value(), socket.bound.endpoint() + ": " + problem.getMessage()));
  }

  // ---- sockets that others made

  /**
   * Goes on with a socket of an earlier life, as it is. One that should listen and does not is told
   * of at once, {@link Event.HungUp}; but one whose listener may refuse is taken to do so.
   *
   * @param socket its number and proof
   * @throws IOException when it cannot be watched, or its number or endpoint is another's; then
   *     nothing was moved
   */
  public void hold(ListenerName name, BoundSocket socket, ListenerConfig config, OwnedFd moved)
      throws IOException {
    take(new HeldSocket(name, socket, moved, pathOf(socket), config));
  }

  /**
   * Makes a socket that a foreign process has bound and listens on one of ours. Its flags, options
   * and backlog stay; its path is not ours to remove.
   *
   * @throws IOException as {@link #hold}
   */
  public BoundSocket adopt(ListenerName name, ListenerConfig config, OwnedFd moved)
      throws IOException {
    SocketFacts facts = Sockets.facts(moved);
    BoundSocket socket =
        new BoundSocket(
            maker.nextId(), facts.address(), SocketMaker.kind(transport(facts)), facts.port());
    HeldSocket taken = HeldSocket.fresh(name, socket, moved, null, config);
    take(taken);
    return taken.bound;
  }

  private static Transport transport(SocketFacts facts) throws IOException {
    String scheme = facts.address().substring(0, facts.address().indexOf(':'));
    return Transport.ofScheme(scheme)
        .orElseThrow(() -> new IOException(facts.address() + " is no listening socket"));
  }

  /** Numbers of sockets to come are above this one: another life has given it. */
  public void numberAbove(long id) {
    maker.numberAbove(id);
  }

  private static @Nullable UnixPath pathOf(BoundSocket socket) {
    SocketProof.PathProof proof = socket.proof().path();
    if (proof == null) {
      return null;
    }
    String endpoint = socket.endpoint();
    Path path = Path.of(endpoint.substring(endpoint.indexOf(':') + 1));
    return UnixPath.again(path, proof).orElse(null);
  }

  private void take(HeldSocket socket) throws IOException {
    long id = socket.bound.id();
    String endpoint = socket.bound.endpoint();
    if (held.containsKey(id) || endpoints.contains(endpoint)) {
      String holder =
          held.values().stream()
              .filter(each -> each.bound.id() == id || each.bound.endpoint().equals(endpoint))
              .map(each -> " as listener " + each.name)
              .findFirst()
              .orElse("");
      throw new IOException(endpoint + " (socket " + id + ") is held already" + holder);
    }
    boolean listens = socket.bound.kind().listens();
    boolean lets = !listens || (Sockets.isListening(socket.fd) && !Sockets.isShutDown(socket.fd));
    socket.queueLimit =
        listens && lets && !socket.isUnix()
            ? Sockets.acceptQueue(socket.fd).limit()
            : socket.config.backlog();
    socket.listening = lets || socket.config.idle() != IdlePolicy.REFUSE;
    if (socket.listening) {
      watch(socket);
    }
    maker.numberAbove(id);
    held.put(id, socket);
    endpoints.add(endpoint);
  }

  /**
   * Closes our descriptors and nothing else: a successor has the same sockets, and paths. After it
   * nothing is held.
   */
  public void letGo() {
    for (HeldSocket socket : held.values()) {
      unschedule(socket);
      unwatch(socket);
      socket.fd.close();
    }
    held.clear();
    endpoints.clear();
  }

  /** Closes them all; those of these listeners keep their paths, since workers serve them. */
  public void closeExcept(Set<ListenerName> served) {
    for (HeldSocket socket : List.copyOf(held.values())) {
      if (!served.contains(socket.name)) {
        closeSocket(socket.bound.id());
      }
    }
    letGo();
  }

  /** Closes them all. */
  @Override
  public void close() {
    closeExcept(Set.of());
  }
}
