package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.DeclaredDescriptors;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A lease as its keeper sees it: a connection that tells when the broker asks for a drain, and when
 * it is gone; and what is to be said to the next broker then.
 *
 * <p>It awaits the lease only once somebody wants to know of drains: a lease that nobody awaits is
 * asked by the stop signal, which a program that has no consumer relies on.
 */
final class KeptLease {

  private static final System.Logger LOG = System.getLogger(Lease.class.getName());
  private static final String NO_SUCH_LEASE = BrokerCalls.WORKER + "NoSuchLease";
  private static final Duration SHORTEST = Duration.ofMillis(10);
  private static final Duration LONGEST = Duration.ofSeconds(5);

  private final HeldSockets held;
  private final BrokerCalls broker;
  private final @Nullable Acquisition wanted; // null: it was inherited, and cannot be taken anew

  private final List<Consumer<Drain>> consumers = new ArrayList<>(); // guarded by this
  private @Nullable Drain drain; // guarded by this
  private boolean ready; // guarded by this; what the application said
  private boolean readyOwed; // guarded by this; it was said while the broker was away
  private boolean released; // guarded by this
  private boolean releaseTried; // guarded by this; by then it is known whether the broker heard
  private boolean releaseOwed; // guarded by this; the broker did not hear of it
  private boolean heard = true; // guarded by this; false: begin again on another connection
  private boolean carrierClosed; // guarded by this; a lease that followed the closed connection
  private volatile boolean away; // written by the keeper
  private volatile boolean over; // written by the keeper

  private volatile String known; // the broker that knew the lease last; written by the keeper

  // The keeper's thread alone:
  private boolean lost; // that broker was gone since
  private boolean carried; // the lease follows this connection
  private boolean told; // that the broker is away
  private String toldRefusal = "";
  private String droppedBy = ""; // a broker without Restore drops who sends it descriptors
  private BrokerCalls.@Nullable Connection connection;
  private @Nullable ReplyStream states;
  private Duration pause = SHORTEST;
  private long next = System.nanoTime();

  /**
   * @param known the broker that has granted it, or empty
   */
  KeptLease(HeldSockets held, BrokerCalls broker, @Nullable Acquisition wanted, String known) {
    this.held = held;
    this.broker = broker;
    this.wanted = wanted;
    this.known = known;
  }

  // What the application wants; any thread.

  void start() {
    LeaseKeeper.OF_PROCESS.look(this);
  }

  void add(Consumer<Drain> consumer) {
    Drain past;
    synchronized (this) {
      past = drain;
      if (past == null) {
        consumers.add(consumer);
      }
    }
    if (past == null) {
      LeaseKeeper.OF_PROCESS.look(this);
    } else {
      tell(List.of(consumer), past);
    }
  }

  /** Returns whether the broker is there to be told; else it hears later. */
  synchronized boolean saidReady() {
    ready = true;
    readyOwed |= away;
    return !away;
  }

  /** Whether the broker is away, as far as is known. */
  boolean isAway() {
    return away;
  }

  /** Whether the lease was granted by another broker than there is now. */
  boolean isOfAnotherBroker() {
    if (over) {
      return false;
    }
    try (BrokerCalls.Connection now = broker.connect()) {
      return away || !(known.isEmpty() || now.broker().equals(known));
    } catch (IOException e) {
      return true;
    }
  }

  /** A call did not reach the broker: what was said has to be said again. */
  void unheard() {
    synchronized (this) {
      heard = false;
    }
    LeaseKeeper.OF_PROCESS.look(this);
  }

  /** No drain is told any more. */
  synchronized void stop() {
    released = true;
  }

  /**
   * Ends the watch.
   *
   * @param owed the broker has not heard of the release, and is to be told when it is back
   */
  void released(boolean owed) {
    synchronized (this) {
      released = true;
      releaseTried = true;
      releaseOwed = owed;
    }
    if (!over) {
      LeaseKeeper.OF_PROCESS.look(this);
    }
  }

  /** The connection was closed that the lease followed: it is not to be restored any more. */
  void carrierClosed() {
    synchronized (this) {
      carrierClosed = true;
    }
    if (!over) {
      LeaseKeeper.OF_PROCESS.look(this);
    }
  }

  // What the keeper does; its thread.

  boolean isOver() {
    return over;
  }

  boolean isDue(long now) {
    return !over && connection == null && next - now <= 0;
  }

  Optional<Duration> untilDue(long now) {
    return over || connection != null
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(Math.max(0, next - now)));
  }

  /** Something has come on the connection: a state, or its end. */
  void receive(Poller poller) {
    ReplyStream stream = states;
    if (connection == null) {
      return;
    }
    try {
      if (stream == null) {
        throw new IOException("the broker closed the connection");
      }
      Optional<JsonObject> state = stream.next(Duration.ZERO);
      while (state.isPresent()) {
        become(state.get().string("state"), state.get().optionalString("deadlineUsec"));
        state = stream.next(Duration.ZERO);
      }
      if (stream.ended()) {
        end();
      }
    } catch (VarlinkException e) { // NoSuchLease: it ended before we asked
      become("revoked", Optional.empty());
      end();
    } catch (IOException e) {
      gone(poller, e);
    } catch (IllegalArgumentException e) {
      gone(poller, new IOException("await: the broker's answer makes no sense: " + e.getMessage()));
    }
  }

  /** Does what is to be done now. */
  void advance(Poller poller) {
    if (over) {
      return;
    }
    if (mayEnd()) {
      end();
      return;
    }
    boolean again;
    boolean forGood;
    synchronized (this) {
      again = (!heard || releaseOwed) && connection != null;
      lost |= !heard;
      heard = true;
      forGood = carrierClosed && carried;
    }
    if (forGood) {
      become("revoked", Optional.empty());
      end();
      return;
    }
    if (again) {
      lost = true;
      disconnect(poller);
      next = System.nanoTime();
    }
    if (connection == null && isDue(System.nanoTime())) {
      connect(poller);
    } else if (connection != null && states == null && wantsDrains()) {
      try {
        states = connection.client().stream(BrokerCalls.WORKER + "Await", lease());
        receive(poller); // a reply that came at once would else wait for the next event
      } catch (IOException e) {
        gone(poller, e);
      }
    }
  }

  /** A failure that is not the broker's: tries again later. */
  void stumbled(Throwable failure) {
    try {
      LOG.log(Level.ERROR, "lease=" + held.lease() + " watching it failed", failure);
    } catch (Throwable e) { // the logger's own failure, with no descriptor left for example
      told = false;
    }
    if (connection != null) {
      connection.close();
      connection = null;
      states = null;
    }
    lost = true;
    postpone();
  }

  private synchronized boolean mayEnd() {
    return releaseTried && !releaseOwed;
  }

  private synchronized boolean owesRelease() {
    return releaseOwed;
  }

  private synchronized boolean wantsDrains() {
    return !consumers.isEmpty() && !released;
  }

  private synchronized boolean isReleased() {
    return released;
  }

  /** Whether the broker is to be told now. */
  private synchronized boolean takeReady() {
    boolean told = readyOwed || (lost && ready);
    readyOwed = false;
    return told;
  }

  private synchronized boolean isDraining() {
    return drain != null;
  }

  private synchronized boolean isToBeKept() {
    return !carrierClosed;
  }

  private void connect(Poller poller) {
    BrokerCalls.Connection made = null;
    try {
      made = broker.connect();
      if (isReleased()) {
        if (owesRelease()) {
          release(made);
        } else {
          postpone(); // the one who releases it is about to say how that went
        }
        return;
      }
      if (!isToBeKept()) { // it went with its connection, and that with the broker or before
        become("revoked", Optional.empty());
        end();
        return;
      }
      boolean same = made.broker().equals(known);
      if (!(lost || !(same || known.isEmpty())) || restore(made, same)) {
        if (takeReady()) {
          made.client().call(BrokerCalls.WORKER + "Ready", lease(), broker.timeout()).close();
        }
        if (wantsDrains()) {
          states = made.client().stream(BrokerCalls.WORKER + "Await", lease());
        } else {
          // A call, since a connection without one is closed in the end; and this one harms nobody.
          made.client().call(BrokerCalls.WORKER + "Await", lease(), broker.timeout()).close();
        }
        poller.add(made.socket().fd(), Poller.READABLE, this);
        known = made.broker();
        connection = made;
        back();
      }
    } catch (VarlinkException e) {
      states = null;
      if (e.error().equals(NO_SUCH_LEASE)) {
        if (!lost && made != null && (known.isEmpty() || made.broker().equals(known))) {
          become("revoked", Optional.empty()); // it ended before we asked
          end();
        } else {
          lost = true;
          postpone();
        }
      } else {
        refused(String.valueOf(new RefusedException(held.lease(), e).getMessage()));
        postpone();
      }
    } catch (IOException e) {
      states = null;
      lost = true;
      isAway(e);
      postpone();
    } finally {
      if (made != null && !made.equals(connection)) {
        made.close();
      }
    }
  }

  /** The release that the broker did not hear of. */
  private void release(BrokerCalls.Connection made) throws IOException {
    try {
      made.client().call(BrokerCalls.WORKER + "Release", lease(), broker.timeout()).close();
    } catch (VarlinkException e) {
      LOG.log(Level.DEBUG, "lease={0} release: {1}", held.lease(), e.error());
    }
    end();
  }

  /**
   * Gives the sockets back to a broker that may have lost them.
   *
   * @return false when the lease is over
   */
  private boolean restore(BrokerCalls.Connection made, boolean same)
      throws IOException, VarlinkException {
    try {
      if (made.broker().equals(droppedBy)) {
        throw VarlinkException.methodNotFound("Restore");
      }
      List<LeasedSocket> sockets = held.sockets();
      Set<String> accepted = new HashSet<>();
      for (int from = 0; from < sockets.size(); from += DeclaredDescriptors.MOST) {
        int to = Math.min(sockets.size(), from + DeclaredDescriptors.MOST);
        accepted.addAll(offer(made, sockets.subList(from, to), from, to));
      }
      for (LeasedSocket socket : sockets) {
        if (!accepted.contains(socket.listener())) {
          LOG.log(
              Level.WARNING,
              "lease={0} listener={1} the broker did not take its socket back; its log says why."
                  + " It is served on here",
              held.lease(),
              socket.listener());
        }
      }
      carried = wanted != null && wanted.hold() == Hold.CONNECTION;
      return true;
    } catch (VarlinkException e) {
      if (e.error().startsWith("org.varlink.service.Method")) { // a broker without Restore
        if (knowsLease(made)) {
          return true;
        }
      } else if (!e.error().equals(NO_SUCH_LEASE)) {
        throw e;
      }
    }
    if (same || isDraining()) { // it has ended while nobody listened here
      become("revoked", Optional.empty());
      end();
      return false;
    }
    if (wanted == null) {
      LOG.log(
          Level.WARNING,
          "lease={0} the new broker does not know it, and it was inherited: the sockets are served"
              + " on, but the broker will not ask to drain them",
          held.lease());
      end();
      return false;
    }
    acquireAnew(made, wanted);
    return true;
  }

  private boolean knowsLease(BrokerCalls.Connection made) throws IOException, VarlinkException {
    try {
      made.client().call(BrokerCalls.WORKER + "Await", lease(), broker.timeout()).close();
      return true;
    } catch (VarlinkException e) {
      if (e.error().equals(NO_SUCH_LEASE)) {
        return false;
      }
      throw e;
    }
  }

  private List<String> offer(
      BrokerCalls.Connection made, List<LeasedSocket> sockets, int from, int to)
      throws IOException, VarlinkException {
    List<JsonObject> described = new ArrayList<>();
    for (LeasedSocket socket : sockets) {
      described.add(
          JsonObject.builder()
              .put("listener", socket.listener())
              .put("endpoint", socket.endpoint())
              .put("kind", socket.kind())
              .put("multithreaded", socket.multithreaded() ? true : null)
              .put("fileDescriptorIndex", described.size())
              .build());
    }
    List<OwnedFd> copies = held.copies(from, to);
    try {
      if (copies.size() != described.size()) {
        throw new IOException("the lease was released meanwhile");
      }
      JsonObject parameters = JsonObject.of("lease", held.lease(), "sockets", described);
      try (Answer answer =
          made.client()
              .call(BrokerCalls.WORKER + "Restore", parameters, copies, broker.timeout())) {
        return answer.parameters().strings("accepted");
      } catch (EOFException e) {
        droppedBy = made.broker();
        throw e;
      } catch (IllegalArgumentException e) {
        throw new IOException("restore: the broker's answer makes no sense: " + e.getMessage());
      }
    } finally {
      copies.forEach(OwnedFd::close);
    }
  }

  /** Never in the place of others: those are our own fellows, that come back as we do. */
  private void acquireAnew(BrokerCalls.Connection made, Acquisition as)
      throws IOException, VarlinkException {
    String before = held.lease();
    Acquisition again =
        new Acquisition(as.listeners(), as.hold(), as.service(), false, as.timeout());
    List<String> changed = held.replace(Grant.acquire(made.client(), again));
    carried = as.hold() == Hold.CONNECTION;
    LOG.log(Level.INFO, "lease={0} the new broker did not know {1}", held.lease(), before);
    for (String listener : changed) {
      LOG.log(
          Level.WARNING,
          "lease={0} listener={1} the new broker has another socket for it. What accepts on the old"
              + " one goes on there; only descriptors and channels made from now on have the new"
              + " one",
          held.lease(),
          listener);
    }
  }

  private JsonObject lease() {
    return JsonObject.of("lease", held.lease());
  }

  private void gone(Poller poller, IOException reason) {
    lost = true;
    disconnect(poller);
    if (!isToBeKept()) {
      become("revoked", Optional.empty());
      end();
      return;
    }
    isAway(reason);
    pause = SHORTEST;
    next = System.nanoTime(); // at once: the next broker may be there already
  }

  private void isAway(IOException reason) {
    away = true;
    if (!told && !isReleased()) {
      told = true;
      LOG.log(
          Level.WARNING,
          "lease={0} the broker is away, its sockets go on serving; it is looked for until it is"
              + " back: {1}",
          held.lease(),
          reason.getMessage());
    }
  }

  private void refused(String message) {
    away = true;
    told = true;
    if (!toldRefusal.equals(message)) {
      toldRefusal = message;
      LOG.log(
          Level.WARNING,
          "lease {0}. Its sockets go on serving; it is tried again every {1} s",
          message,
          LONGEST.toSeconds());
    }
  }

  private void back() {
    boolean owed;
    synchronized (this) {
      away = false;
      owed = readyOwed; // said after this connection had told what was said before
    }
    lost = false;
    pause = SHORTEST;
    toldRefusal = "";
    if (told) {
      told = false;
      LOG.log(Level.INFO, "lease={0} the broker is back", held.lease());
    }
    if (owed) {
      unheard();
    }
  }

  /** Later each time, and not all workers of a broker at the same moment. */
  private void postpone() {
    long nanos = pause.toNanos();
    next = System.nanoTime() + ThreadLocalRandom.current().nextLong(nanos / 2, nanos + 1);
    pause = pause.multipliedBy(2).compareTo(LONGEST) > 0 ? LONGEST : pause.multipliedBy(2);
  }

  private void disconnect(Poller poller) {
    BrokerCalls.Connection old = connection;
    connection = null;
    states = null;
    if (old != null) {
      if (old.socket().fd().isOpen()) {
        poller.forget(old.socket().fd());
      }
      old.close();
    }
  }

  private void end() {
    over = true;
    if (connection != null) {
      connection.close(); // nobody else has the description, so that epoll forgets it
      connection = null;
      states = null;
    }
  }

  private void become(String state, Optional<String> deadline) {
    boolean revoked = state.equals("revoked");
    if (!revoked && !state.equals("draining")) {
      return;
    }
    Drain now = new Drain(deadline.map(KeptLease::moment).orElse(null), revoked);
    List<Consumer<Drain>> waiting;
    synchronized (this) {
      if (released || drain != null) {
        return;
      }
      drain = now;
      waiting = List.copyOf(consumers);
    }
    tell(waiting, now);
  }

  /** On a thread of its own: a consumer may take its time. */
  private void tell(List<Consumer<Drain>> waiting, Drain now) {
    if (waiting.isEmpty()) {
      return;
    }
    Thread telling =
        new Thread(
            () -> waiting.forEach(consumer -> tell(consumer, now)),
            "holdfast-drain-" + held.lease());
    telling.setDaemon(true);
    telling.start();
  }

  private void tell(Consumer<Drain> consumer, Drain now) {
    try {
      consumer.accept(now);
    } catch (RuntimeException e) { // the application's own code: its bug must not end the others'
      LOG.log(Level.ERROR, "lease=" + held.lease() + " a consumer of its drain failed", e);
    }
  }

  private static Instant moment(String microseconds) {
    long value = Long.parseLong(microseconds);
    return Instant.ofEpochSecond(
        Math.floorDiv(value, 1_000_000L), Math.floorMod(value, 1_000_000L) * 1000L);
  }

  @Override
  public String toString() {
    return held.toString();
  }
}
