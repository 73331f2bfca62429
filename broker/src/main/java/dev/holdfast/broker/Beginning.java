package dev.holdfast.broker;

import dev.holdfast.broker.control.ControlSocket;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.broker.survive.Journal;
import dev.holdfast.broker.survive.Recovery;
import dev.holdfast.broker.survive.SupervisorStore;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a broker begins with: its control socket, and what there is of a broker before it. Owns all
 * of it until it is taken. The thread that starts the broker.
 */
final class Beginning implements AutoCloseable {

  private final Instant began = Instant.now();
  private final List<String> problems = new ArrayList<>();
  private final List<String> findings = new ArrayList<>();
  private @Nullable ControlSocket control;
  private @Nullable Inheritance inheritance;
  private @Nullable Arrival arrival;
  private String what = "";

  private Beginning() {}

  /**
   * Takes over from the broker that is there if that is wished and there is one; otherwise opens
   * the control socket, and looks for what a broker left that was killed.
   *
   * @param settings of the control socket
   * @param configured listeners, for sockets that a supervisor has bound for them
   */
  static Beginning at(
      Place place,
      boolean takeover,
      SocketSettings settings,
      Map<ListenerName, ListenerConfig> configured)
      throws ControlSocket.TakenException, IOException {
    Beginning beginning = new Beginning();
    boolean whole = false;
    try {
      if (!takeover || !beginning.takeOver(place)) {
        beginning.control = ControlSocket.open(place.address(), settings);
        beginning.recover(place, configured);
      }
      whole = true;
      return beginning;
    } finally {
      if (!whole) {
        beginning.close();
      }
    }
  }

  private boolean takeOver(Place place) throws IOException {
    Optional<Arrival> there = Arrival.connect(place.address());
    if (there.isEmpty()) {
      return false;
    }
    arrival = there.get();
    Inheritance received = Inheritance.of(arrival.receive());
    inheritance = received;
    OwnedFd listener = received.controlSocket;
    if (listener == null || received.controlSocketData == null) {
      throw new IOException("the broker that is there did not send its control socket");
    }
    control =
        ControlSocket.adopt(
            place.address(),
            listener,
            Optional.ofNullable(received.lock),
            ProofText.read(received.controlSocketData));
    received.controlSocket = null;
    received.lock = null;
    what = " takeover=" + describe(received);
    return true;
  }

  private void recover(Place place, Map<ListenerName, ListenerConfig> configured) {
    Journal.Content content =
        place
            .journal()
            .map(file -> Journal.read(file, Limits.effectiveUid()))
            .orElse(Journal.Content.NONE);
    problems.addAll(content.problems());
    OptionalInt other = another(content.socket(), place.address());
    if (other.isPresent()) {
      problems.add(
          "the journal is a copy of that of the broker at "
              + content.socket().orElse("")
              + " (pid "
              + other.getAsInt()
              + "), which lives and has all that is in it: it is ignored");
      content = Journal.Content.NONE;
    }
    List<SupervisorStore.Passed> passed = SupervisorStore.take(System.getenv(), Limits.processId());
    content = withoutClosed(content, passed);
    if (content.isEmpty() && passed.isEmpty()) {
      return;
    }
    Recovery.Found found =
        Recovery.find(content.entries(), content.started(), passed, findings::add);
    Inheritance recovered = new Inheritance(false);
    recovered.content = content;
    recovered.entries.addAll(content.entries());
    recovered.sockets.putAll(found.sockets());
    recovered.lost.putAll(found.lost());
    recovered.leases.putAll(found.leases());
    found
        .workers()
        .forEach(
            (id, worker) ->
                recovered.workers.put(
                    id, new Inheritance.WorkerProcess(worker.pidfd(), worker.output())));
    for (Entry entry : content.entries()) {
      if (entry instanceof Entry.OfDeposit deposit) {
        OwnedFd fd = found.deposits().get(deposit.name());
        if (fd != null) {
          recovered.stored.put(deposit.descriptor(), fd);
        } else {
          problems.add("what was stored as " + deposit.name() + " is lost: only the broker had it");
        }
      }
    }
    takePassed(recovered, passed, configured);
    for (SupervisorStore.Passed each : passed) {
      problems.add("a descriptor passed as " + each.name() + " is no listener's; it is closed");
      each.close();
    }
    if (!recovered.entries.isEmpty()) {
      inheritance = recovered;
      what = " recovered=" + describe(recovered);
    }
  }

  /** The pid of another broker that is alive where the journal was written. */
  private static OptionalInt another(Optional<String> socket, UnixAddress own) {
    if (socket.isEmpty() || socket.get().equals(own.toString())) {
      return OptionalInt.empty();
    }
    try {
      OptionalInt pid = ControlSocket.brokerAt(UnixAddress.parse(socket.get()));
      // Our own socket may have several names.
      return pid.isPresent() && pid.getAsInt() == Limits.processId() ? OptionalInt.empty() : pid;
    } catch (IllegalArgumentException e) {
      return OptionalInt.empty();
    }
  }

  /**
   * A broker that ended on purpose leaves listeners for their holders, and for a supervisor that
   * may keep them or not: one that nobody has was closed, and is not lost.
   */
  private static Journal.Content withoutClosed(
      Journal.Content content, List<SupervisorStore.Passed> passed) {
    if (!content.ended()) {
      return content;
    }
    Set<ListenerName> there = new HashSet<>();
    for (Entry entry : content.entries()) {
      if (entry instanceof Entry.OfLease lease) {
        there.addAll(lease.request().names());
      }
    }
    List<Entry> left =
        content.entries().stream()
            .filter(
                entry ->
                    !(entry instanceof Entry.OfListener listener)
                        || there.contains(listener.name())
                        || passed.stream()
                            .map(SupervisorStore.Passed::name)
                            .anyMatch(SupervisorStore.listener(listener.name())::equals))
            .toList();
    boolean isNothing = left.stream().allMatch(Entry.OfBroker.class::isInstance);
    return new Journal.Content(
        isNothing ? List.of() : left,
        content.started(),
        content.socket(),
        true,
        content.problems());
  }

  /**
   * Sockets that a .socket unit has bound, or that a broker stored whose journal is lost, are their
   * listeners'.
   */
  private void takePassed(
      Inheritance recovered,
      List<SupervisorStore.Passed> passed,
      Map<ListenerName, ListenerConfig> configured) {
    Set<Entry.Key> known = new HashSet<>();
    long lastSocket = 0;
    for (Entry entry : recovered.entries) {
      known.add(entry.key());
      if (entry instanceof Entry.OfListener listener) {
        lastSocket =
            Math.max(lastSocket, Math.max(id(listener.socket()), id(listener.companion())));
      }
    }
    List<Entry> taken = new ArrayList<>();
    for (Map.Entry<ListenerName, ListenerConfig> each : configured.entrySet()) {
      ListenerConfig config = each.getValue();
      if (known.contains(new Entry.Key(Entry.Kind.LISTENER, each.getKey().value()))
          || !(config.companion() instanceof Companion.None)) {
        continue;
      }
      Optional<OwnedFd> fd = SupervisorStore.matching(passed, config.spec());
      if (fd.isEmpty()) {
        continue;
      }
      try {
        BoundSocket socket = describe(++lastSocket, fd.get());
        taken.add(new Entry.OfListener(each.getKey(), config, true, socket, null, 0, 0, 0));
        recovered.sockets.put(socket.id(), fd.get());
        findings.add("listener " + each.getKey() + ", " + socket.endpoint() + ": from systemd");
      } catch (IOException e) {
        fd.get().close();
        problems.add("listener " + each.getKey() + ": " + e.getMessage());
      }
    }
    if (!taken.isEmpty() && recovered.entries.isEmpty()) {
      taken.add(0, new Entry.OfBroker(0));
    }
    // Each kind stands before those that need it.
    int listeners = 0;
    while (listeners < recovered.entries.size()
        && recovered.entries.get(listeners).key().kind().compareTo(Entry.Kind.LISTENER) <= 0) {
      listeners++;
    }
    recovered.entries.addAll(listeners, taken);
  }

  private static long id(@Nullable BoundSocket socket) {
    return socket == null ? 0 : socket.id();
  }

  private static BoundSocket describe(long id, OwnedFd fd) throws IOException {
    SocketFacts facts = Sockets.facts(fd);
    return new BoundSocket(
        id,
        facts.address(),
        facts.isStream()
            ? SocketKind.STREAM
            : facts.isDatagram() ? SocketKind.DATAGRAM : SocketKind.SEQPACKET,
        facts.port(),
        new SocketProof(Sockets.inode(fd), facts.cookie(), null));
  }

  private static String describe(Inheritance what) {
    return "listeners:"
        + what.sockets.size()
        + ",leases:"
        + what.leases.size()
        + ",workers:"
        + what.workers.size();
  }

  /** What could not be understood. */
  List<String> problems() {
    return problems;
  }

  /** What was found, and where; and what was not. */
  List<String> findings() {
    return findings;
  }

  /** The predecessor that waits for our word; empty when there is none. */
  Optional<Arrival> arrival() {
    return Optional.ofNullable(arrival);
  }

  /** Moves to the caller. */
  ControlSocket takeControlSocket() {
    ControlSocket taken = control;
    control = null;
    if (taken == null) {
      throw new IllegalStateException("taken before");
    }
    return taken;
  }

  /** Moves to the caller; empty for a broker that is the first. */
  Optional<Inheritance> takeInheritance() {
    Inheritance taken = inheritance;
    inheritance = null;
    return Optional.ofNullable(taken);
  }

  /** For the line of the log that says that the broker has started; empty for the first. */
  String describe() {
    return what.isEmpty()
        ? ""
        : what + " after=" + Duration.between(began, Instant.now()).toMillis() + "ms";
  }

  @Override
  public void close() throws IOException {
    Inheritance rest = inheritance;
    if (rest != null) {
      rest.close();
    }
    Arrival there = arrival;
    ControlSocket socket = control;
    if (socket != null) {
      if (there != null) {
        socket.letGo();
      } else {
        socket.close();
      }
    }
    if (there != null) {
      there.close();
    }
  }
}
