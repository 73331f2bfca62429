package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
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
}
