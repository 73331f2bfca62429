package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a caller is answered; the control floor puts it on the wire. */
public sealed interface Answer {

  record Done() implements Answer {}

  record Refused(Refusal refusal) implements Answer {}

  /** A lease, and the sockets to pass, in the order of the names. */
  record Granted(LeaseId lease, List<Passed> sockets) implements Answer {
    public Granted {
      sockets = List.copyOf(sockets);
    }
  }

  /**
   * One socket of a grant.
   *
   * @param multithreaded whether the worker is asked for a thread for each connection
   */
  record Passed(ListenerName listener, BoundSocket socket, boolean multithreaded) {}

  /**
   * The state of a lease that the caller waits on.
   *
   * @param last whether no other state follows
   */
  record State(LeaseState state, Optional<Instant> deadline, boolean last) implements Answer {}

  record Retrieved(long descriptor, boolean moved) implements Answer {}

  record OneListener(ListenerView listener) implements Answer {}

  record Listing(List<ListenerView> listeners, List<LeaseView> leases, List<StoredView> stored)
      implements Answer {}

  /** The first reply of a watch. */
  record Snapshot(List<ListenerView> listeners, List<LeaseView> leases) implements Answer {}

  /** A further reply of a watch. */
  record Happened(Notice notice) implements Answer {}

  record Reloaded(List<String> added, List<String> changed, List<String> removed)
      implements Answer {}

  /** A listener as it is now; the control floor adds what only the kernel knows. */
  record ListenerView(
      ListenerName name,
      ListenerConfig config,
      @Nullable BoundSocket socket,
      @Nullable BoundSocket companion,
      String state,
      int leases,
      int healed,
      int flagsRestored,
      int backlogRestored,
      @Nullable String message) {}

  record LeaseView(
      LeaseId lease,
      List<ListenerName> listeners,
      int pid,
      int uid,
      @Nullable String service,
      LeaseState state,
      Hold hold,
      Instant since) {}

  record StoredView(String name, String kind, int uid) {}
}
