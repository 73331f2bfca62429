package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.util.List;

/**
 * The world that effects act on. What comes of an effect comes back as an {@link Event}, never as a
 * result, so that the state changes in one place.
 */
public interface Performer {

  /** Answers the call that waits on this connection; a connection that is gone is no error. */
  void answer(long connection, Answer answer);

  /** Binds all or none, then tells {@link Event.Bound} or {@link Event.BindFailed}. */
  void bind(long transaction, List<BindOrder> orders);

  void closeSocket(long socket);

  /** Starts listening on a socket that was bound without. */
  void startListening(long socket, int backlog);

  /** Makes a socket refuse connections, and keeps its endpoint. */
  void refuse(long socket);

  /**
   * Makes a socket that a worker shut down listen again, then tells {@link Event.Healed} or {@link
   * Event.Broken}.
   */
  void heal(long socket);

  /** Puts changed options, flags and backlog on a socket that stays. */
  void applySettings(long socket, ListenerConfig config);

  /** Whether workers hold the socket, so that its flags and backlog must be watched. */
  void audit(long socket, boolean on);

  /** Follows the process behind the connection: {@link Event.HolderGone} when it has ended. */
  void follow(LeaseId lease, long connection);

  void unfollow(LeaseId lease);

  /** Closes a stored descriptor, or one that was not kept. */
  void discardDescriptor(long descriptor);

  void log(Notice notice);

  // ---- services

  /**
   * Makes a worker's process, then tells {@link Event.Spawned} or {@link Event.SpawnFailed}. Its
   * program runs only after the effects of Spawned have been performed.
   */
  void spawn(WorkerOrder order);

  /**
   * Asks a worker to finish. One that would die of the signal at once, because it does not handle
   * it, gets it at a moment at which it has no connection open, if there is one before it is
   * killed.
   */
  void stopWorker(long worker, int signal);

  /** Kills a worker and all that it started (SIGKILL). */
  void killWorker(long worker);

  /** Tells {@link Event.LastOutput}, at once. */
  void askOutput(long worker);

  /** Asks the process that a lease follows to finish, as {@link #stopWorker} does. */
  void stopHolder(LeaseId lease, int signal);

  /**
   * Looks at a process and those that it started until one of them is seen waiting on one of the
   * sockets; then tells {@link Event.Seen}, once.
   */
  void observe(LeaseId lease, int pid, List<Long> sockets);

  void unobserve(LeaseId lease);

  /** Closes the notify socket that was made for a lease, if one was. */
  void closeNotify(LeaseId lease);

  /** Whether {@link Event.ConnectionCame} is to be told of the next connection. */
  void awaitConnection(long socket, boolean on);

  /** Counts the connections that came by the sockets and are open, {@link Event.OpenCounted}. */
  void countOpen(String service, List<Long> workers, List<Long> sockets);

  /** Closes the descriptors that a service stored: it is not configured any more. */
  void forgetService(String service);

  /** Ends the broker: nothing is left to be waited for. */
  void finish();

  // ---- another life

  /**
   * Follows the process of a lease that was found again, {@link Event.HolderGone} when it has
   * ended.
   *
   * @param thaw whether it, and what it started, is to go on if it was stopped: a broker that dies
   *     while it asks a process to finish leaves it so
   */
  void followAgain(LeaseId lease, boolean thaw);

  /**
   * Follows a worker's process that was found again: as with one that was spawned, its end is told
   * by {@link Event.Exited}. Its notify socket is opened again.
   *
   * @param thaw as in {@link #followAgain}
   */
  void adoptWorker(WorkerOrder order, boolean thaw);

  /** Makes an offered descriptor the socket of a listener; it is discarded if that fails. */
  void takeOffered(long descriptor, ListenerName name, BoundSocket socket, ListenerConfig config);

  /** All effects of all events so far were performed. */
  void settled();
}
