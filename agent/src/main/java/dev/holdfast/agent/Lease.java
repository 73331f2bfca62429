package dev.holdfast.agent;

import dev.holdfast.fd.JdkChannels;
import dev.holdfast.fd.OwnedFd;
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
 * <p>When the broker goes away the sockets go on serving; that is logged once, as a warning. Any
 * thread may use a lease. Closing twice does nothing.
 */
public final class Lease implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(Lease.class.getName());

  private final String id;
  private final BrokerCalls broker;
  private final List<LeasedSocket> sockets;
  private final List<OwnedFd> descriptors; // of the socket at the same place
  private final AtomicBoolean released = new AtomicBoolean();
  private final AtomicBoolean toldOfLoss = new AtomicBoolean();
  private @Nullable DrainWatch watch; // guarded by this

  /** Takes the descriptors over. */
  Lease(String id, BrokerCalls broker, List<LeasedSocket> sockets, List<OwnedFd> descriptors) {
    this.id = id;
    this.broker = broker;
    this.sockets = List.copyOf(sockets);
    this.descriptors = List.copyOf(descriptors);
  }

  /**
   * The lease that {@code holdfast exec} took for this process before it became this program: its
   * sockets are the descriptors from 3 up. Empty when it was started otherwise. The first call
   * takes the descriptors over; each further one returns the same lease, released or not.
   *
   * @throws IOException when the environment speaks of descriptors that are no sockets
   */
  public static Optional<Lease> inherited() throws IOException {
    return InheritedLease.get();
  }

  public String id() {
    return id;
  }

  public List<LeasedSocket> sockets() {
    return sockets;
  }

  /**
   * A copy (dup) of the listener's descriptor, close-on-exec, owned by the caller: for Netty's
   * native transports, or to hand on. Works on every JVM.
   *
   * @throws IllegalArgumentException when the lease has no such listener
   * @throws IllegalStateException when it was released
   */
  public OwnedFd descriptor(String listener) throws IOException {
    for (int i = 0; i < sockets.size(); i++) {
      if (sockets.get(i).listener().equals(listener)) {
        return descriptors.get(i).dup();
      }
    }
    throw new IllegalArgumentException(
        "lease " + id + " has no listener " + listener + "; it has " + sockets);
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
   * A ServerSocket on a copy of the listener, owned by the caller, whose {@code accept} blocks. It
   * refuses what would change the listener for others: a timeout, options, bind. TCP only.
   *
   * @throws JdkChannels.ForbiddenException as {@link #serverSocketChannel}
   */
  public ServerSocket serverSocket(String listener) throws IOException {
    return new LeasedServerSocket(serverSocketChannel(listener));
  }

  /**
   * Tells the broker that this worker accepts connections now. Saying it again changes nothing.
   * When the broker is away that is logged, and the worker goes on.
   *
   * @throws RefusedException when the lease has ended
   */
  public void ready() throws IOException {
    say("Ready");
  }

  /**
   * Has the consumer called when the broker asks for the listeners back, at most once, on a daemon
   * thread of this lease; at once if it has asked already. It may take its time, and may release
   * the lease.
   */
  public synchronized void onDrain(Consumer<Drain> consumer) {
    if (released.get()) {
      return;
    }
    DrainWatch watching = watch;
    if (watching == null) {
      watching = new DrainWatch(id, broker, this::brokerIsGone);
      watch = watching;
      watching.start();
    }
    watching.add(consumer);
  }

  /**
   * Ends the lease: tells the broker, and closes this lease's own descriptors. Copies, channels and
   * connections that were made from it are their owners', and go on. Never throws.
   */
  public void release() {
    if (!released.compareAndSet(false, true)) {
      return;
    }
    synchronized (this) {
      if (watch != null) {
        watch.stop();
      }
    }
    try {
      say("Release");
    } catch (RefusedException e) {
      LOG.log(Level.DEBUG, e.getMessage());
    } catch (IOException e) {
      brokerIsGone(e);
    } finally {
      descriptors.forEach(OwnedFd::close);
    }
  }

  /** {@link #release()}. */
  @Override
  public void close() {
    release();
  }

  private void say(String method) throws IOException {
    try {
      broker.call("lease " + id + " " + method, method, JsonObject.of("lease", id));
    } catch (RefusedException e) {
      throw e;
    } catch (IOException e) {
      brokerIsGone(e);
    }
  }

  private void brokerIsGone(IOException e) {
    if (toldOfLoss.compareAndSet(false, true)) {
      LOG.log(
          Level.WARNING,
          "lease={0} the broker is away, its sockets go on serving: {1}",
          id,
          e.getMessage());
    }
  }

  @Override
  public String toString() {
    return "lease " + id + " " + sockets;
  }
}
