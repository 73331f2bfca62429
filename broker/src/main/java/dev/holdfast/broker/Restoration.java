package dev.holdfast.broker;

import dev.holdfast.broker.control.Operator.UpgradeStep;
import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Survivors;
import dev.holdfast.broker.core.WorkerExit;
import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.broker.survive.Journal;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Puts into the floors what there is of another broker. Until {@link #end} that one may still be
 * the broker, so nothing here changes what both have. The loop's thread.
 */
final class Restoration {

  private final Floors floors;
  private final int uid;
  private Inheritance inheritance = new Inheritance(false);
  private List<Inheritance.Peer> peers = List.of();
  private final Map<LeaseId, Integer> programs = new HashMap<>(); // the uids of their holders
  private final Set<Long> ending = new HashSet<>(); // workers on their way out

  /**
   * Has nothing yet.
   *
   * @param uid our own
   */
  Restoration(Floors floors, int uid) {
    this.floors = floors;
    this.uid = uid;
  }

  /**
   * Gives the floors what is theirs, and tells the state; its effects take the processes.
   *
   * @param moved owned from now on
   * @param config as it is now
   * @param resolve has a name looked up
   * @throws IOException when something that a living broker has cannot be taken over
   */
  void begin(Inheritance moved, BrokerConfig config, Consumer<ListenSpec> resolve)
      throws IOException {
    inheritance = moved;
    Set<Long> held = new HashSet<>();
    Map<Long, String> lost = new HashMap<>(moved.lost);
    for (Entry entry : moved.entries) {
      if (entry instanceof Entry.OfListener listener) {
        resolve.accept(listener.config().spec());
        hold(listener, listener.socket(), held, lost);
        hold(listener, listener.companion(), held, lost);
      } else if (entry instanceof Entry.OfLease lease && lease.request().program()) {
        programs.put(lease.lease(), lease.request().caller().uid());
      } else if (entry instanceof Entry.OfWorker worker
          && (worker.killed() || worker.state() == WorkerState.STOPPING)) {
        ending.add(worker.worker());
      }
    }
    Set<Long> stored = Set.copyOf(moved.stored.keySet());
    for (long id : stored) {
      OwnedFd fd = moved.stored.remove(id);
      if (fd != null) {
        floors.methods().stored().put(id, fd);
      }
    }
    for (Map.Entry<LeaseId, Inheritance.NotifySocket> each : List.copyOf(moved.notify.entrySet())) {
      floors.notifySockets().adopt(each.getKey(), each.getValue().path(), each.getValue().fd());
      moved.notify.remove(each.getKey());
    }
    for (Inheritance.Deposit each : List.copyOf(moved.deposits)) {
      moved.deposits.remove(each);
      floors.workers().adoptDeposit(each.service(), each.name(), each.watched(), each.fd());
    }
    floors
        .loop()
        .event(
            new Event.Remembered(
                config,
                moved.entries,
                moved.links,
                new Survivors(
                    moved.handedOver,
                    held,
                    lost,
                    moved.leases.keySet(),
                    moved.workers.keySet(),
                    stored)));
  }

  private void hold(
      Entry.OfListener listener,
      @Nullable BoundSocket socket,
      Set<Long> held,
      Map<Long, String> lost)
      throws IOException {
    if (socket == null) {
      return;
    }
    floors.sockets().numberAbove(socket.id());
    OwnedFd fd = inheritance.sockets.remove(socket.id());
    if (fd == null) {
      return;
    }
    try {
      floors.sockets().hold(listener.name(), socket, listener.config(), fd);
      held.add(socket.id());
    } catch (IOException e) {
      fd.close();
      if (inheritance.handedOver) {
        throw e; // better no successor than one without it
      }
      lost.put(socket.id(), "it was found, and cannot be used: " + e.getMessage());
    }
  }

  /** Takes over the control connections. */
  void adoptPeers() {
    peers = List.copyOf(inheritance.peers);
    for (Inheritance.Peer peer : peers) {
      floors.connections().adopt(peer.connection(), peer.fd());
      inheritance.peers.remove(peer);
    }
  }

  /** Closes what nobody took. */
  void end() {
    inheritance.close();
  }

  /** Removes the notify sockets of leases that are no more. */
  void sweep() {
    if (!inheritance.handedOver) {
      floors.notifySockets().sweep(floors.state().leaseIds());
    }
  }

  /** What the journal said. */
  Journal.Content content() {
    return inheritance.content;
  }

  /** Answers those who asked the broker before this one to be upgraded. */
  void tellUpgraders(int pid, Instant at) {
    for (Inheritance.Peer peer : peers) {
      if (peer.connection().asks("dev.holdfast.Control.Upgrade")) {
        floors
            .methods()
            .upgradeStep(
                peer.connection().caller().connection(),
                UpgradeStep.DONE,
                pid,
                "pid " + pid + " serves",
                at);
      }
    }
  }

  /** All has been taken: what it was is of no use any more, and can be large. */
  void forget() {
    inheritance = new Inheritance(false);
    peers = List.of();
    programs.clear();
    ending.clear();
  }

  /** Whether a worker was on its way out when it was taken over. */
  boolean isToEnd(long worker) {
    return ending.contains(worker);
  }

  // ---- effects

  void followAgain(LeaseId lease, boolean thaw) {
    Pidfd pidfd = inheritance.leases.remove(lease);
    if (pidfd == null) {
      floors.loop().event(new Event.HolderGone(lease));
      return;
    }
    floors.processes().follow(lease, pidfd);
    if (thaw) {
      floors.processes().dup(lease).ifPresent(stopped -> floors.observer().thaw(stopped, 0));
    }
    Integer holder = programs.get(lease);
    if (holder != null) {
      reopenNotify(lease, holder);
    }
  }

  void adoptWorker(WorkerOrder order, boolean thaw) {
    Inheritance.WorkerProcess process = inheritance.workers.remove(order.worker());
    if (process == null) {
      floors
          .loop()
          .event(new Event.Exited(order.worker(), new WorkerExit(WorkerExit.UNKNOWN, 0, "")));
      return;
    }
    floors.workers().adopt(order, process.pidfd(), process.output(), thaw);
    Account account = order.launch().account();
    reopenNotify(order.lease(), account == null ? uid : account.uid());
  }

  /** After a crash: the program goes on to send to the path that it was given. */
  private void reopenNotify(LeaseId lease, int of) {
    if (inheritance.handedOver) {
      return;
    }
    try {
      String unused = floors.notifySockets().reopen(lease, of);
    } catch (IOException e) {
      warn("what the program of lease " + lease + " says by sd_notify is lost: " + e.getMessage());
    }
  }

  void takeOffered(long descriptor, ListenerName name, BoundSocket socket, ListenerConfig config) {
    OwnedFd offered = floors.methods().stored().take(descriptor).orElse(null);
    if (offered == null) {
      return;
    }
    try {
      floors.sockets().hold(name, socket, config, offered);
    } catch (IOException e) {
      offered.close();
      floors.loop().event(new Event.Broken(socket.id(), String.valueOf(e.getMessage())));
    }
  }

  private void warn(String message) {
    floors.loop().event(new Event.Warned(null, message));
  }
}
