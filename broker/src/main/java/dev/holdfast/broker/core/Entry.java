package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One thing that a broker has to know again when it has died, or that its successor has to know.
 * All of them together are the state, but for what goes by connections ({@link Link}).
 */
public sealed interface Entry {

  Key key();

  /** Which thing it is: an entry replaces the one before it that has the same key. */
  record Key(Kind kind, String name) {}

  /** In the order in which they have to be read: each stands on those before it. */
  enum Kind {
    BROKER,
    LISTENER,
    SERVICE,
    LEASE,
    WORKER,
    DEPOSIT
  }

  /**
   * The broker itself.
   *
   * @param lastWorker the highest number that a worker was ever given
   */
  record OfBroker(long lastWorker) implements Entry {
    public static final Key KEY = new Key(Kind.BROKER, "");

    @Override
    public Key key() {
      return KEY;
    }
  }

  /**
   * A listener, as {@link Answer.ListenerView} has it.
   *
   * @param configured whether it stands in the configuration
   * @param socket null while nothing is bound
   */
  record OfListener(
      ListenerName name,
      ListenerConfig config,
      boolean configured,
      @Nullable BoundSocket socket,
      @Nullable BoundSocket companion,
      int healed,
      int flagsRestored,
      int backlogRestored)
      implements Entry {
    @Override
    public Key key() {
      return new Key(Kind.LISTENER, name.value());
    }
  }

  /**
   * A lease.
   *
   * @param request what it was granted for; its caller is the holder
   * @param worker the supervised worker that it was made for, or 0
   * @param pid of the process that holds it; 0 where it cannot be told
   * @param asked whether the holder was sent its stop signal, or told by the drain it waited for
   * @param awaited whether the holder waits to be told of a drain, on a connection that ends with
   *     the broker
   * @param former those of its listeners that have been bound anew since: it holds the sockets
   *     before
   */
  record OfLease(
      LeaseId lease,
      Event.Acquire request,
      long worker,
      int pid,
      LeaseState state,
      Optional<Instant> deadline,
      Instant since,
      boolean asked,
      boolean awaited,
      List<ListenerName> former)
      implements Entry {
    public OfLease {
      former = List.copyOf(former);
    }

    /** One whose listeners are as they were. */
    public OfLease(
        LeaseId lease,
        Event.Acquire request,
        long worker,
        int pid,
        LeaseState state,
        Optional<Instant> deadline,
        Instant since,
        boolean asked) {
      this(lease, request, worker, pid, state, deadline, since, asked, false, List.of());
    }

    @Override
    public Key key() {
      return new Key(Kind.LEASE, lease.value());
    }
  }

  /** A service, without its workers. The members are those of the service in this package. */
  record OfService(
      String name,
      ServiceConfig running,
      ServiceConfig wanted,
      int count,
      int generation,
      int lastGeneration,
      boolean stopped,
      boolean removed,
      boolean demanded,
      Instant lastConnection,
      int failures,
      Optional<Instant> nextStart,
      long restarts,
      @Nullable String message,
      @Nullable RolloutUnderWay rollout,
      boolean rolloutFailed,
      boolean outdated,
      @Nullable String operation)
      implements Entry {
    @Override
    public Key key() {
      return new Key(Kind.SERVICE, name);
    }
  }

  /** A rollout that is not done. */
  record RolloutUnderWay(
      int generation,
      ServiceConfig target,
      boolean allAtOnce,
      Optional<Duration> readyTimeout,
      Instant begun) {}

  /**
   * A supervised worker. Its lease may have ended before it, when it is stopping.
   *
   * @param pid 0 until its process is made
   * @param asked whether it knows that it is to finish
   */
  record OfWorker(
      long worker,
      String service,
      int generation,
      ServiceConfig config,
      LeaseId lease,
      Instant since,
      int pid,
      WorkerState state,
      Optional<Instant> readyAt,
      boolean settled,
      boolean killed,
      boolean abandoned,
      @Nullable String failure,
      @Nullable String status,
      boolean asked)
      implements Entry {

    /** One that was not asked. */
    public OfWorker(
        long worker,
        String service,
        int generation,
        ServiceConfig config,
        LeaseId lease,
        Instant since,
        int pid,
        WorkerState state,
        Optional<Instant> readyAt,
        boolean settled,
        boolean killed,
        boolean abandoned,
        @Nullable String failure,
        @Nullable String status) {
      this(
          worker,
          service,
          generation,
          config,
          lease,
          since,
          pid,
          state,
          readyAt,
          settled,
          killed,
          abandoned,
          failure,
          status,
          false);
    }

    @Override
    public Key key() {
      return new Key(Kind.WORKER, Long.toString(worker));
    }
  }

  /**
   * What a caller stored.
   *
   * @param descriptor our number for it
   */
  record OfDeposit(String name, String kind, int uid, long descriptor) implements Entry {
    @Override
    public Key key() {
      return new Key(Kind.DEPOSIT, name);
    }
  }
}
