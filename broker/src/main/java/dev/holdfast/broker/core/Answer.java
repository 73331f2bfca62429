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

  /**
   * A lease, and the sockets to pass, in the order of the names.
   *
   * @param program whether a notify socket is to be made for it
   */
  record Granted(LeaseId lease, List<Passed> sockets, boolean program) implements Answer {
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

  /** The listeners of a restored lease whose sockets were what they were said to be. */
  record Restored(List<ListenerName> accepted) implements Answer {
    public Restored {
      accepted = List.copyOf(accepted);
    }
  }

  /** A listener that was taken out of a running process, and the lease of that process. */
  record AdoptedListener(ListenerView listener, LeaseId lease) implements Answer {}

  record Retrieved(long descriptor, boolean moved) implements Answer {}

  record OneListener(ListenerView listener) implements Answer {}

  record Listing(
      List<ListenerView> listeners,
      List<LeaseView> leases,
      List<StoredView> stored,
      List<ServiceView> services)
      implements Answer {}

  /** The first reply of a watch. */
  record Snapshot(List<ListenerView> listeners, List<LeaseView> leases) implements Answer {}

  /** A further reply of a watch. */
  record Happened(Notice notice) implements Answer {}

  /** A configuration was read again. */
  record Reloaded(Changes listeners, Changes services) implements Answer {}

  /** What a new configuration did, by name. */
  record Changes(List<String> added, List<String> changed, List<String> removed) {
    @Override
    public String toString() {
      return "added " + added + " changed " + changed + " removed " + removed;
    }
  }

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

  /**
   * A step of a restart, a scale, a stop or a start that the caller waits for.
   *
   * @param worker 0 when it is about the service as a whole
   * @param pid 0 where there is no process
   * @param last whether no other step follows
   */
  record Progress(
      String service, Step step, long worker, int pid, String message, Instant at, boolean last)
      implements Answer {}

  /** What a step is about; the names are those of the wire. */
  enum Step {
    BEGUN("begun"),
    STARTED("started"),
    READY("ready"),
    DRAINING("draining"),
    KILLED("killed"),
    GONE("gone"),
    DONE("done");

    private final String word;

    Step(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }

  /**
   * A service as it is now.
   *
   * @param state running, starting, idle (waits for a connection), stopped, stopping, restarting,
   *     or failing (backs off)
   * @param workers how many there are to be
   * @param ready how many are
   * @param generation counts the rollouts
   * @param restarts workers started again after they had failed
   * @param changed whether the configuration has a newer version than the one that runs
   * @param nextStart when a failing service is tried again
   * @param message why it fails, or its last rollout did; null when all is well
   */
  record ServiceView(
      String name,
      String state,
      int workers,
      int ready,
      int generation,
      long restarts,
      boolean changed,
      Optional<Instant> nextStart,
      @Nullable String message,
      List<ListenerName> listeners,
      List<WorkerView> processes) {
    public ServiceView {
      listeners = List.copyOf(listeners);
      processes = List.copyOf(processes);
    }
  }

  /**
   * A supervised worker.
   *
   * @param pid 0 until its process is made
   * @param status what it said by STATUS=
   */
  record WorkerView(
      long worker,
      LeaseId lease,
      int pid,
      int generation,
      WorkerState state,
      Instant since,
      @Nullable String status) {}
}
