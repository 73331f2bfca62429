package dev.holdfast.broker;

import dev.holdfast.broker.control.Connections;
import dev.holdfast.broker.control.ControlSocket;
import dev.holdfast.broker.control.Conversation;
import dev.holdfast.broker.control.Lookups;
import dev.holdfast.broker.control.Operator;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.loop.Timed;
import dev.holdfast.broker.survive.EntryText;
import dev.holdfast.broker.workers.NotifySockets;
import dev.holdfast.broker.workers.Workers;
import dev.holdfast.fd.Child;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Watcher;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes room for another broker: starts one when asked to, and hands over to one that asks. The
 * loop's thread.
 */
final class Succession implements Timed {

  /** How long a quiet moment is waited for: no process is being made, frozen or looked for. */
  private static final Duration QUIET_WITHIN = Duration.ofSeconds(5);

  private static final Duration FOR_WORKERS = Duration.ofSeconds(3);

  private static final Duration NEXT_LOOK = Duration.ofMillis(1);

  /** A successor that waits for a quiet moment. */
  private record Waiting(long connection, int pid, List<Integer> formats, Instant until) {}

  /** A successor that we have started, and who waits for it. */
  private record Started(long connection, String program, Child child) {}

  private final Operator.Identity identity;
  private final List<String> words;
  private final Floors floors;
  private final Lookups lookups;
  private final Supplier<Instant> clock;
  private boolean starting;
  private @Nullable Started started;
  private @Nullable Waiting waiting;
  private OptionalInt successor = OptionalInt.empty();

  /**
   * Nothing is asked for yet.
   *
   * @param words our own command line
   */
  Succession(
      Operator.Identity identity,
      List<String> words,
      Floors floors,
      Lookups lookups,
      Supplier<Instant> clock) {
    this.identity = identity;
    this.words = words;
    this.floors = floors;
    this.lookups = lookups;
    this.clock = clock;
  }

  /** The pid of the broker that is in our place; empty while we are the broker. */
  OptionalInt successor() {
    return successor;
  }

  // ---- starting one

  void upgrade(long connection, Optional<Path> program) {
    String broker = program.map(Path::toString).orElse(System.getProperty("holdfast.broker", ""));
    String obstacle = obstacle();
    if (obstacle == null && (starting || started != null)) {
      obstacle = "an upgrade is under way";
    }
    if (obstacle == null && broker.isEmpty()) {
      obstacle = "this broker was not started by holdfastd: name the program";
    }
    if (obstacle != null) {
      floors.methods().upgradeFailed(connection, obstacle);
      return;
    }
    starting = true;
    floors.workers().awaitChild();
    step(connection, Operator.UpgradeStep.BEGUN, 0, "start " + broker);
    lookups
        .executor()
        .execute(
            () -> {
              try {
                Child child = SuccessorProcess.start(broker, words);
                floors.loop().post(() -> begun(connection, broker, child));
              } catch (IOException | RuntimeException e) {
                floors.loop().post(() -> notStarted(connection, broker, e));
              }
            });
  }

  private void notStarted(long connection, String broker, Exception why) {
    starting = false;
    floors.workers().noChild();
    floors
        .methods()
        .upgradeFailed(connection, "start " + broker + ": " + String.valueOf(why.getMessage()));
  }

  private void begun(long connection, String program, Child child) {
    starting = false;
    floors.workers().leaveAlone(child.pid());
    started = new Started(connection, program, child);
    try {
      floors.poller().add(child.fd(), Poller.READABLE, (Watcher) ready -> ended(child));
      step(connection, Operator.UpgradeStep.STARTED, child.pid(), "pid " + child.pid());
    } catch (ErrnoException e) {
      floors.methods().upgradeFailed(connection, String.valueOf(e.getMessage()));
      started = null;
      child.close();
    }
  }

  private void step(long connection, Operator.UpgradeStep step, int pid, String message) {
    floors.methods().upgradeStep(connection, step, pid, message, clock.get());
  }

  /** Our successor ended before it was one. */
  private void ended(Child child) {
    Started before = started;
    started = null;
    floors.poller().forget(child.fd());
    String how = SuccessorProcess.end(child);
    floors.workers().letReap(child.pid());
    if (before != null) {
      floors
          .methods()
          .upgradeFailed(
              before.connection(),
              before.program()
                  + ", pid "
                  + child.pid()
                  + ", "
                  + how
                  + " before it took over; the broker's log has what it said");
    }
    warn("upgrade: pid " + child.pid() + " " + how + " before it took over; this broker goes on");
  }

  /** Why there can be no successor; null when there can. */
  private @Nullable String obstacle() {
    return identity.pid() == 1
        ? "this broker is process 1 of its pid namespace, and all in there ends with it: restart the"
            + " container"
        : null;
  }

  // ---- handing over

  void handover(long connection, int pid, List<Integer> formats) {
    String obstacle = obstacle();
    if (obstacle == null && waiting != null) {
      obstacle = "another handover is under way";
    }
    if (obstacle == null && floors.state().isShuttingDown()) {
      obstacle = "the broker is about to end";
    }
    if (obstacle != null) {
      floors.methods().handoverFailed(connection, obstacle);
      return;
    }
    waiting = new Waiting(connection, pid, formats, clock.get().plus(QUIET_WITHIN));
  }

  @Override
  public Optional<Instant> nextDeadline() {
    return waiting == null ? Optional.empty() : Optional.of(clock.get().plus(NEXT_LOOK));
  }

  @Override
  public void expire(Instant now) {
    Waiting next = waiting;
    if (next == null) {
      return;
    }
    floors.observer().pause(); // who is not asked to finish by now is asked by the successor
    // A peer that does not go on must not be in the way for ever: it loses its connection.
    boolean patient = now.isBefore(next.until().minus(FOR_WORKERS));
    if (isQuiet() && (!patient || floors.connections().isQuiet())) {
      waiting = null;
      handOver(next);
    } else if (now.isAfter(next.until())) {
      waiting = null;
      floors.observer().resume();
      floors
          .methods()
          .handoverFailed(
              next.connection(),
              "there was no moment within "
                  + QUIET_WITHIN.toSeconds()
                  + " s at which no worker was being started or stopped; try again");
    }
  }

  private boolean isQuiet() {
    return floors.loop().isSettled() && floors.workers().isQuiet() && floors.observer().isQuiet();
  }

  private void handOver(Waiting next) {
    Optional<Conversation> found = floors.connections().converse(next.connection());
    if (found.isEmpty()) {
      floors.observer().resume(); // it is gone
      return;
    }
    try (Conversation conversation = found.get()) {
      if (!floors.outputs().pause()) { // else what a worker prints now is told by both
        throw new IOException("what workers print is being written, and nobody reads the log");
      }
      Departure.handOver(conversation, everything(), next.formats());
      successor = OptionalInt.of(next.pid());
      floors.loop().stop();
    } catch (IOException | RuntimeException e) {
      floors.outputs().resume();
      floors.observer().resume();
      warn(
          "handover to pid "
              + next.pid()
              + " was not finished, and this broker goes on: "
              + e.getMessage());
    }
  }

  private List<HandoverItem> everything() {
    List<HandoverItem> items = new ArrayList<>();
    ControlSocket control = floors.control();
    items.add(
        new HandoverItem(
            HandoverItem.CONTROL_SOCKET,
            control.proof().map(ProofText::write).orElse(JsonObject.EMPTY),
            control.descriptor()));
    control
        .lock()
        .ifPresent(fd -> items.add(new HandoverItem(HandoverItem.LOCK, JsonObject.EMPTY, fd)));
    for (Entry entry : floors.state().entries()) {
      items.add(HandoverItem.of(HandoverItem.ENTRY, EntryText.write(entry)));
      if (entry instanceof Entry.OfListener listener) {
        add(items, listener.socket());
        add(items, listener.companion());
      }
    }
    floors
        .state()
        .links()
        .forEach(link -> items.add(HandoverItem.of(HandoverItem.LINK, EntryText.write(link))));
    floors
        .processes()
        .followed()
        .forEach(
            (lease, pidfd) ->
                items.add(
                    new HandoverItem(
                        HandoverItem.LEASE,
                        JsonObject.of("lease", lease.value(), "pid", pidfd.pid()),
                        pidfd.fd())));
    for (Workers.Handed worker : floors.workers().handOver()) {
      items.add(
          new HandoverItem(
              HandoverItem.WORKER,
              JsonObject.of("worker", worker.worker(), "pid", worker.process().pid()),
              worker.process().fd()));
      worker
          .output()
          .ifPresent(
              fd ->
                  items.add(
                      new HandoverItem(
                          HandoverItem.OUTPUT, JsonObject.of("worker", worker.worker()), fd)));
    }
    for (NotifySockets.Handed socket : floors.notifySockets().handOver()) {
      items.add(
          new HandoverItem(
              HandoverItem.NOTIFY,
              JsonObject.of("lease", socket.lease().value(), "path", socket.path().toString()),
              socket.socket()));
    }
    floors
        .methods()
        .stored()
        .all()
        .forEach(
            (id, fd) ->
                items.add(new HandoverItem(HandoverItem.STORED, JsonObject.of("id", id), fd)));
    for (Workers.HandedDeposit deposit : floors.workers().deposits()) {
      items.add(
          new HandoverItem(
              HandoverItem.DEPOSIT,
              JsonObject.of(
                  "service", deposit.service(),
                  "name", deposit.name(),
                  "watched", deposit.watched()),
              deposit.fd()));
    }
    for (Connections.Handed peer : floors.connections().handOver()) {
      items.add(
          new HandoverItem(
              HandoverItem.CONNECTION, peer.connection().toJson().build(), peer.borrowed()));
    }
    return items;
  }

  private void add(List<HandoverItem> items, @Nullable BoundSocket socket) {
    if (socket != null) {
      Optional<OwnedFd> fd = floors.sockets().descriptor(socket.id());
      fd.ifPresent(
          each ->
              items.add(
                  new HandoverItem(HandoverItem.SOCKET, JsonObject.of("id", socket.id()), each)));
    }
  }

  private void warn(String message) {
    floors.loop().event(new Event.Warned(null, message));
  }
}
