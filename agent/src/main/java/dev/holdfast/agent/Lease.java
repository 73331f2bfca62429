package dev.holdfast.agent;

import dev.holdfast.fd.JdkChannels;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Placeholder;
import dev.holdfast.fd.Sockets;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.ServerSocket;
import java.nio.channels.ServerSocketChannel;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A worker's hold on listeners, and the owner of the sockets that came with it.
 *
 * <p>Each socket is shared with the broker and every other worker that has it: the accept queue,
 * O_NONBLOCK, the backlog and the socket options are one for all. So leave flags and options alone,
 * and never call listen(2) or shutdown(2) on it. Closing a copy harms nobody.
 *
 * <p>When the broker goes away the sockets go on serving; that is logged once, as a warning. One
 * daemon thread for all leases of the process then looks for the broker until it is back, gives it
 * the sockets ({@code Restore}), or acquires the same listeners anew from one that does not know
 * the lease. It touches no flag, closes no listener, and wakes for nothing while the broker is
 * there. Any thread may use a lease. Closing twice does nothing.
 */
public final class Lease implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(Lease.class.getName());

  private final BrokerCalls broker;
  private final HeldSockets held;
  private final KeptLease kept;
  private final AtomicBoolean released = new AtomicBoolean();

  /**
   * Takes the descriptors over, and is watched from now on.
   *
   * @param wanted how to acquire it again, null where that cannot be
   * @param known the broker that has granted it, empty if it is not known which
   */
  Lease(Grant moved, BrokerCalls broker, @Nullable Acquisition wanted, String known) {
    this.broker = broker;
    this.held = new HeldSockets(moved);
    this.kept = new KeptLease(held, broker, wanted, known);
    kept.start();
  }

  /**
   * The lease that {@code holdfast exec} took for this process before it became this program: its
   * sockets are the descriptors from 3 up. Empty when it was started otherwise. The first call
   * takes the descriptors over; each further one returns the same lease, released or not.
   *
   * <p>A process with another pid than LISTEN_PID has it too if all of these descriptors are
   * listeners: below a wrapper that forks, and in a pid namespace.
   *
   * @throws IOException when the environment speaks of descriptors that are no sockets
   */
  public static Optional<Lease> inherited() throws IOException {
    return InheritedLease.get();
  }

  /**
   * The lease that this process was started with ({@link #inherited()}), or else one that is asked
   * of the broker now, for as long as this process lives. So a program runs alike under {@code
   * holdfast exec}, as a service's worker, and started by hand. Blocks for ten seconds at most.
   *
   * @throws RefusedException when there is no such listener, or no right to it
   * @throws BrokerUnreachableException with what to do about it
   * @throws IOException when this process was started with other listeners
   */
  public static Lease obtain(String... listeners) throws IOException {
    Lease started = inherited().orElse(null);
    if (started == null) {
      try (Holdfast holdfast = Holdfast.connect()) {
        return holdfast.acquire(listeners);
      }
    }
    List<String> has = started.sockets().stream().map(LeasedSocket::listener).toList();
    for (String listener : listeners) {
      if (!has.contains(listener)) {
        throw new IOException(
            "use listener "
                + listener
                + ": this process was started with "
                + String.join(", ", has)
                + ". Name "
                + listener
                + " where it is started: holdfast exec, or the service's listeners");
      }
    }
    return started;
  }

  /** Its name at the broker: another one after a broker that did not know it granted it anew. */
  public String id() {
    return held.lease();
  }

  public List<LeasedSocket> sockets() {
    return held.sockets();
  }

  /**
   * A copy (dup) of the listener's descriptor, close-on-exec, owned by the caller: for Netty's
   * native transports, or to hand on. Works on every JVM.
   *
   * @throws IllegalArgumentException when the lease has no such listener
   * @throws IllegalStateException when it was released
   */
  public OwnedFd descriptor(String listener) throws IOException {
    return held.copy(listener);
  }

  /**
   * The JDK's own channel on a copy of the listener, bound, owned by the caller; for Netty NIO,
   * Jetty, Tomcat. Blocking accept works whatever O_NONBLOCK says, and closing it leaves the
   * listener listening.
   *
   * <p>{@code configureBlocking(false)} sets O_NONBLOCK for every worker, and going back with
   * {@code configureBlocking(true)} clears it for every worker, whose event loops may then block;
   * so does a timeout on its {@code socket()}. Do not go back.
   *
   * @throws JdkChannels.ForbiddenException with the flag that this JVM needs; {@link #descriptor}
   *     does not need it
   */
  public ServerSocketChannel serverSocketChannel(String listener) throws IOException {
    OwnedFd copy = descriptor(listener);
    try {
      return JdkChannels.serverSocketChannel(copy);
    } catch (IOException | RuntimeException e) {
      copy.close();
      throw e;
    }
  }

  /**
   * As {@link #serverSocketChannel} where this JVM allows it. Elsewhere a channel that serves the
   * same and closes without harm, but reports a loopback address and port of its own as the local
   * ones; for TCP alone. For servers that accept in a thread: Jetty, Tomcat.
   */
  public ServerSocketChannel channel(String listener) throws IOException {
    try {
      return serverSocketChannel(listener);
    } catch (JdkChannels.ForbiddenException e) {
      OwnedFd copy = descriptor(listener);
      try {
        return JdkChannels.standIn(copy);
      } catch (IOException | RuntimeException failure) {
        copy.close();
        throw failure;
      }
    }
  }

  /**
   * As {@link #channel}, for a server that polls, such as Netty NIO, and will put it into
   * non-blocking mode.
   *
   * @throws IOException when the listener is a blocking one (O_NONBLOCK is off), which this would
   *     change for all who accept on it
   */
  public ServerSocketChannel pollableChannel(String listener) throws IOException {
    pollableDescriptor(listener).close();
    return channel(listener);
  }

  /**
   * As {@link #descriptor}, for a server that polls, such as Netty's native transports.
   *
   * @throws IOException when the listener is a blocking one (O_NONBLOCK is off), on which such a
   *     server would stop in accept(2)
   */
  public OwnedFd pollableDescriptor(String listener) throws IOException {
    OwnedFd copy = descriptor(listener);
    boolean pollable = false;
    try {
      pollable = Sockets.isNonBlocking(copy);
    } finally {
      if (!pollable) {
        copy.close();
      }
    }
    if (!pollable) {
      throw new IOException(
          "serve on listener "
              + listener
              + " with a server that polls: it is a blocking listener (O_NONBLOCK is off). Open it"
              + " without blocking, or accept in a thread");
    }
    return copy;
  }

  /**
   * Puts the listener in the place of the socket with which this process listens on the port, for
   * servers that take no socket from outside: let one bind 127.0.0.1 and port 0, and say here which
   * port it got. It reports that port for ever. What {@link Placeholder#replace} says holds.
   *
   * @throws IOException when no socket of this process, or more than one, listens on the port, or
   *     when the listener is a blocking one and the server polls; then nothing has changed
   */
  public void putInPlaceOf(int port, String listener) throws IOException {
    try (OwnedFd copy = descriptor(listener)) {
      Placeholder.replace(port, copy);
    }
  }

  /**
   * A ServerSocket on a copy of the listener, owned by the caller, whose {@code accept} blocks. It
   * refuses what would change the listener for others: a timeout, options, bind. TCP only.
   *
   * @throws JdkChannels.ForbiddenException as {@link #serverSocketChannel}
   */
  public ServerSocket serverSocket(String listener) throws IOException {
    return new LeasedServerSocket(serverSocketChannel(listener));
  }

  /**
   * Tells the broker that this worker accepts connections now. Saying it again changes nothing. A
   * broker that is away hears it when it is back.
   *
   * @throws RefusedException when the lease has ended
   */
  public void ready() throws IOException {
    if (!kept.saidReady()) {
      return;
    }
    try {
      say("Ready");
    } catch (RefusedException e) {
      if (!kept.isOfAnotherBroker()) {
        throw e;
      }
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "lease={0} ready: {1}", id(), e.getMessage());
      kept.unheard();
    }
  }

  /**
   * Has the consumer called when the broker asks for the listeners back, at most once, on a daemon
   * thread of its own; at once if it has asked already. It may take its time, and may release the
   * lease.
   *
   * <p>From now on the broker asks in this way alone, and sends the process no stop signal.
   */
  public void onDrain(Consumer<Drain> consumer) {
    if (!released.get()) {
      kept.add(consumer);
    }
  }

  /**
   * Ends the lease: tells the broker, and closes this lease's own descriptors. Copies, channels and
   * connections that were made from it are their owners', and go on. A broker that is away is told
   * when it is back, if this process still lives then. Never throws.
   */
  public void release() {
    if (!released.compareAndSet(false, true)) {
      return;
    }
    kept.stop();
    boolean owed = false;
    try {
      say("Release");
    } catch (RefusedException e) {
      LOG.log(Level.DEBUG, e.getMessage());
      owed = kept.isAway(); // it may be taking the lease anew
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "lease={0} release: {1}", id(), e.getMessage());
      owed = true;
    } finally {
      held.close();
      kept.released(owed);
    }
  }

  /** {@link #release()}. */
  @Override
  public void close() {
    release();
  }

  /** The connection was closed that this lease follows. */
  void carrierClosed() {
    kept.carrierClosed();
  }

  private void say(String method) throws IOException {
    broker.call("lease " + id() + " " + method, method, JsonObject.of("lease", id()));
  }

  @Override
  public String toString() {
    return held.toString();
  }
}
