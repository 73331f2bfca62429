package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Something that happened in the world: a call, the end of a process, what came of an effect. */
public sealed interface Event {

  /** Changes the state; called by {@link BrokerState#apply} only. */
  void applyTo(BrokerState state);

  /** Whether this is a request of that connection which can wait for a bind, and be dropped. */
  default boolean isAskedBy(long connection) {
    return false;
  }

  record Acquire(
      Caller caller, List<ListenerName> names, Hold hold, @Nullable String service, boolean replace)
      implements Event {
    public Acquire {
      names = List.copyOf(names);
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
}
