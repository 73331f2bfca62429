package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Something that happened in the world: a call, the end of a process, what came of an effect. */
public sealed interface Event {

  /** Changes the state; called by {@link BrokerState#apply} only. */
  void applyTo(BrokerState state);

  /** Whether this is a request of that connection which can wait for a bind, and be dropped. */
  default boolean isAskedBy(long connection) {
    return false;
  }

  /** Gives back what came with it: who asked is gone before it was begun. */
  default void drop(BrokerState state) {}

  /**
   * A worker wants listeners.
   *
   * @param program whether it becomes a program that may know nothing of leases: it gets a notify
   *     socket, and is looked at until it is seen waiting on a listener
   * @param stopSignal asks it to finish, when it does not await the drain of its lease; 0: nothing
   *     does
   */
  record Acquire(
      Caller caller,
      List<ListenerName> names,
      Hold hold,
      @Nullable String service,
      boolean replace,
      boolean program,
      int stopSignal)
      implements Event {
    public Acquire {
      names = List.copyOf(names);
    }

    /** For a worker that speaks for itself. */
    Acquire(
        Caller caller,
        List<ListenerName> names,
        Hold hold,
        @Nullable String service,
        boolean replace) {
      this(caller, names, hold, service, replace, false, 0);
    }

    @Override
    public void applyTo(BrokerState state) {
      state.acquire(this);
    }
  }

  record Ready(Caller caller, LeaseId lease) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.ready(this);
    }
  }

  record Release(Caller caller, LeaseId lease) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.release(this);
    }
  }

  record Await(Caller caller, LeaseId lease, boolean more) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.await(this);
    }
  }

  record Store(Caller caller, String name, String kind, long descriptor) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.store(this);
    }
  }

  record Retrieve(Caller caller, String name, boolean remove) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.retrieve(this);
    }
  }

  record Listen(Caller caller, ListenerName name, ListenerConfig config) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.listen(this);
    }

    @Override
    public boolean isAskedBy(long connection) {
      return caller.connection() == connection;
    }
  }

  record Close(Caller caller, ListenerName name) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.close(this);
    }

    @Override
    public boolean isAskedBy(long connection) {
      return caller.connection() == connection;
    }
  }

  record ListAll(Caller caller) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.list(this);
    }
  }

  record Watch(Caller caller) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.watch(this);
    }
  }

  record Drain(Caller caller, LeaseId lease, Optional<Instant> deadline) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.drain(this);
    }
  }

  /**
   * The configuration was read anew.
   *
   * @param connection who asked and waits for the answer; {@link BrokerState#NOBODY} for a signal
   *     or the start
   */
  record Configured(long connection, BrokerConfig config) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.configured(this);
    }

    @Override
    public boolean isAskedBy(long asker) {
      return connection == asker;
    }
  }

  record Bound(long transaction, List<Opened> opened) implements Event {
    public Bound {
      opened = List.copyOf(opened);
    }

    @Override
    public void applyTo(BrokerState state) {
      state.bound(this);
    }
  }

  record BindFailed(long transaction, Refusal.BindFailed failure) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.bindFailed(this);
    }
  }

  /** A worker, or somebody it gave the socket to, called shutdown(2) on it. */
  record HungUp(long socket) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.hungUp(this);
    }
  }

  /**
   * It listens again.
   *
   * @param replaced whether it is another socket now, which the present holders do not have
   */
  record Healed(long socket, boolean replaced) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.healed(this);
    }
  }

  record Broken(long socket, String message) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.broken(this);
    }
  }

  /** A check found flags or backlog changed by a worker, and put them back. */
  record Audited(long socket, boolean flagsRestored, boolean backlogRestored) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.audited(this);
    }
  }

  /** The process that a lease follows has ended. */
  record HolderGone(LeaseId lease) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.holderGone(this);
    }
  }

  /** The sockets of a grant could not be passed: nobody has the lease. */
  record Undelivered(LeaseId lease) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.undelivered(this);
    }
  }

  record ConnectionClosed(long connection) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.connectionClosed(this);
    }
  }

  /** Something an operator should know, found outside the state. */
  record Warned(@Nullable String name, String message) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.warned(this);
    }
  }

  // ---- services

  /** A worker's process was made; its program starts after this event. */
  record Spawned(long worker, int pid) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.spawned(this);
    }
  }

  /** A worker's process could not be made; message says what was attempted and what to do. */
  record SpawnFailed(long worker, String message) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.spawnFailed(this);
    }
  }

  /** A worker's process has ended, and with a stopping worker all that it had started. */
  record Exited(long worker, WorkerExit exit) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.exited(this);
    }
  }

  /** A worker has another main process now: it said MAINPID, or went into the background. */
  record MainProcess(long worker, int pid) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.mainProcess(this);
    }
  }

  /** The last lines that a worker wrote, as {@link Effect.AskOutput} asked. */
  record LastOutput(long worker, String text) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.lastOutput(this);
    }
  }

  /** Something came over the notify socket of a lease. */
  record Notified(LeaseId lease, Notification said) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.notified(this);
    }
  }

  /** The process of a lease, or one that it started, was seen waiting on one of its listeners. */
  record Seen(LeaseId lease) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.seen(this);
    }
  }

  /**
   * A connection came to the socket: told once after {@link Effect.AwaitConnection}, and about once
   * a second at most while workers hold the socket and connections come.
   */
  record ConnectionCame(long socket) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.connectionCame(this);
    }
  }

  /** How many connections the workers of a service have open, as {@link Effect.CountOpen} asked. */
  record OpenCounted(String service, int connections) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.openCounted(this);
    }
  }

  /** Replace all workers. */
  record Restart(Caller caller, String service, boolean allAtOnce, Optional<Duration> readyTimeout)
      implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.restart(this);
    }
  }

  /** Have this many workers from now on. */
  record Scale(Caller caller, String service, int workers) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.scale(this);
    }
  }

  /** Stop all workers, and start none. */
  record Stop(Caller caller, String service) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.stop(this);
    }
  }

  /** Start the workers of a service that was stopped. */
  record Start(Caller caller, String service) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.start(this);
    }
  }

  /**
   * The broker is to end. The first time services are stopped and waited for; the second time their
   * workers are killed.
   *
   * @param alone whether everything else ends with the broker, as with process 1 of a pid
   *     namespace: then the holders of all leases are asked to finish too
   */
  record ShutDown(boolean alone) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.shutDown(this);
    }
  }

  // ---- another life

  /**
   * The first event of a broker that takes the place of another: what that one knew, and what there
   * still is of it. Nothing is changed in the world for it, except that what lives is followed; the
   * rest comes with {@link Resumed}.
   *
   * @param config rights and limits as they are configured now; its listeners and services follow
   *     with {@link Configured}
   * @param entries what was remembered
   * @param links the control connections that came along
   */
  record Remembered(BrokerConfig config, List<Entry> entries, List<Link> links, Survivors survivors)
      implements Event {
    public Remembered {
      entries = List.copyOf(entries);
      links = List.copyOf(links);
    }

    @Override
    public void applyTo(BrokerState state) {
      state.remembered(this);
    }
  }

  /** This broker is the one that acts from now on. */
  record Resumed() implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.resumed(this);
    }
  }

  /**
   * A worker gives back what its lease had. What becomes of each descriptor is for the state to
   * say.
   *
   * @param above the pids of the processes that the caller descends from, as far as they are known
   */
  record Restore(Caller caller, Set<Integer> above, LeaseId lease, List<Offered> offered)
      implements Event {
    public Restore {
      above = Set.copyOf(above);
      offered = List.copyOf(offered);
    }

    /** From a process of which nobody knows what started it. */
    public Restore(Caller caller, LeaseId lease, List<Offered> offered) {
      this(caller, Set.of(), lease, offered);
    }

    @Override
    public void applyTo(BrokerState state) {
      state.restore(this);
    }

    @Override
    public boolean isAskedBy(long connection) {
      return caller.connection() == connection;
    }

    @Override
    public void drop(BrokerState state) {
      state.discard(offered);
    }
  }

  /**
   * A listener was taken out of a running process that never heard of us. The socket is held under
   * its number, and closed again when the answer is a refusal.
   *
   * @param caller the operator
   * @param holder the process, as if it had acquired the listener itself; its connection is the
   *     operator's, on which its pidfd waits to be followed
   * @param service what its lease says; a worker that replaces it names the same
   * @param stopSignal asks it to finish
   */
  record Adopted(
      Caller caller,
      ListenerName name,
      ListenerConfig config,
      BoundSocket socket,
      Caller holder,
      String service,
      int stopSignal)
      implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.adopted(this);
    }

    @Override
    public boolean isAskedBy(long connection) {
      return caller.connection() == connection;
    }

    @Override
    public void drop(BrokerState state) {
      state.closeUnused(socket);
    }
  }

  /** The process of a lease, supervised or not, was sent its stop signal. */
  record Asked(LeaseId lease) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.asked(this);
    }
  }

  /** A socket has another identity than it had under the same number: it was made anew. */
  record Renewed(BoundSocket socket) implements Event {
    @Override
    public void applyTo(BrokerState state) {
      state.renewed(this);
    }
  }
}
