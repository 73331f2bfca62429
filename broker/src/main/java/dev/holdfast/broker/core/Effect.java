package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.util.List;

/**
 * Something to be done in the world, decided by {@link BrokerState} and done by a {@link
 * Performer}.
 */
public sealed interface Effect {

  void perform(Performer performer);

  record Reply(long connection, Answer answer) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.answer(connection, answer);
    }
  }

  record Bind(long transaction, List<BindOrder> orders) implements Effect {
    public Bind {
      orders = List.copyOf(orders);
    }

    @Override
    public void perform(Performer performer) {
      performer.bind(transaction, orders);
    }
  }

  record CloseSocket(long socket) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.closeSocket(socket);
    }
  }

  record StartListening(long socket, int backlog) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.startListening(socket, backlog);
    }
  }

  record Refuse(long socket) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.refuse(socket);
    }
  }

  record Heal(long socket) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.heal(socket);
    }
  }

  record ApplySettings(long socket, ListenerConfig config) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.applySettings(socket, config);
    }
  }

  record Audit(long socket, boolean on) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.audit(socket, on);
    }
  }

  record Follow(LeaseId lease, long connection) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.follow(lease, connection);
    }
  }

  record Unfollow(LeaseId lease) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.unfollow(lease);
    }
  }

  record DiscardDescriptor(long descriptor) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.discardDescriptor(descriptor);
    }
  }

  record Log(Notice notice) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.log(notice);
    }
  }

  // ---- services

  record Spawn(WorkerOrder order) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.spawn(order);
    }
  }

  record StopWorker(long worker, int signal) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.stopWorker(worker, signal);
    }
  }

  record KillWorker(long worker) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.killWorker(worker);
    }
  }

  record AskOutput(long worker) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.askOutput(worker);
    }
  }

  record StopHolder(LeaseId lease, int signal) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.stopHolder(lease, signal);
    }
  }

  record Observe(LeaseId lease, int pid, List<Long> sockets) implements Effect {
    public Observe {
      sockets = List.copyOf(sockets);
    }

    @Override
    public void perform(Performer performer) {
      performer.observe(lease, pid, sockets);
    }
  }

  record Unobserve(LeaseId lease) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.unobserve(lease);
    }
  }

  record CloseNotify(LeaseId lease) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.closeNotify(lease);
    }
  }

  record AwaitConnection(long socket, boolean on) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.awaitConnection(socket, on);
    }
  }

  record CountOpen(String service, List<Long> workers, List<Long> sockets) implements Effect {
    public CountOpen {
      workers = List.copyOf(workers);
      sockets = List.copyOf(sockets);
    }

    @Override
    public void perform(Performer performer) {
      performer.countOpen(service, workers, sockets);
    }
  }

  record ForgetService(String service) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.forgetService(service);
    }
  }

  record Finish() implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.finish();
    }
  }

  // ---- another life

  record FollowAgain(LeaseId lease, boolean thaw) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.followAgain(lease, thaw);
    }
  }

  record AdoptWorker(WorkerOrder order, boolean thaw) implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.adoptWorker(order, thaw);
    }
  }

  record TakeOffered(long descriptor, ListenerName name, BoundSocket socket, ListenerConfig config)
      implements Effect {
    @Override
    public void perform(Performer performer) {
      performer.takeOffered(descriptor, name, socket, config);
    }
  }
}
