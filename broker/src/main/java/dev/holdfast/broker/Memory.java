package dev.holdfast.broker;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.loop.Timed;
import dev.holdfast.broker.survive.Journal;
import dev.holdfast.broker.survive.SupervisorStore;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps outside of the process what the next broker has to know if this one is killed: the journal,
 * and with systemd the descriptors themselves. The loop's thread.
 */
final class Memory implements Timed {

  private final BrokerState state;
  private final Optional<Path> file;
  private final String socket;
  private final SupervisorStore store;
  private final LongFunction<Optional<OwnedFd>> sockets;
  private final LongFunction<Optional<OwnedFd>> stored;
  private final Consumer<String> warn;
  private final Supplier<Instant> clock;

  /** What the supervisor has, by the name that it has it under. */
  private final Map<String, Object> kept = new HashMap<>();

  private boolean begun;
  private @Nullable Journal journal;

  /**
   * Writes nothing yet.
   *
   * @param file of the journal; empty for none
   * @param socket the control socket
   * @param sockets lend the descriptor of a listener's socket by its number
   * @param stored lend what a caller stored by its number
   */
  Memory(
      BrokerState state,
      Optional<Path> file,
      String socket,
      SupervisorStore store,
      LongFunction<Optional<OwnedFd>> sockets,
      LongFunction<Optional<OwnedFd>> stored,
      Consumer<String> warn,
      Supplier<Instant> clock) {
    this.state = state;
    this.file = file;
    this.socket = socket;
    this.store = store;
    this.sockets = sockets;
    this.stored = stored;
    this.warn = warn;
    this.clock = clock;
  }

  /**
   * Writes down all, in place of what a broker before this one wrote.
   *
   * @param before what that was
   */
  void begin(Journal.Content before) {
    begun = true;
    Set<Entry.Key> unused = state.takeTouched();
    List<Entry> all = state.entries();
    create(all, before);
    if (store.isPresent()) {
      all.forEach(entry -> keep(entry.key(), Optional.of(entry)));
    }
  }

  private void create(List<Entry> entries, Journal.Content before) {
    if (file.isEmpty()) {
      return;
    }
    try {
      journal = Journal.create(file.get(), Optional.of(socket), entries, before);
    } catch (IOException e) {
      warn.accept(
          "the journal cannot be written, so the next broker will know nothing of this one if it is"
              + " killed: "
              + e.getMessage()
              + "; --state names another directory");
    }
  }

  /** Writes down what has changed. */
  void settled() {
    if (!begun) {
      return;
    }
    Set<Entry.Key> touched = state.takeTouched();
    if (touched.isEmpty()) {
      return;
    }
    write(touched, clock.get());
    if (store.isPresent()) {
      touched.forEach(key -> keep(key, state.entry(key)));
    }
  }

  private void write(Set<Entry.Key> touched, Instant now) {
    if (journal != null) {
      journal.write(touched, state::entry, state::entries, now).ifPresent(warn);
    }
  }

  @Override
  public Optional<Instant> nextDeadline() {
    return journal == null ? Optional.empty() : journal.nextTry();
  }

  @Override
  public void expire(Instant now) {
    if (nextDeadline().filter(at -> !at.isAfter(now)).isPresent()) {
      write(Set.of(), now);
    }
  }

  /** Brings what the supervisor has to what there is. */
  private void keep(Entry.Key key, Optional<Entry> entry) {
    if (key.kind() == Entry.Kind.LISTENER) {
      Entry.OfListener listener = (Entry.OfListener) entry.orElse(null);
      keep(
          SupervisorStore.listener(ListenerName.parse(key.name())),
          listener == null ? null : listener.socket());
      keep(
          SupervisorStore.companion(ListenerName.parse(key.name())),
          listener == null ? null : listener.companion());
    } else if (key.kind() == Entry.Kind.DEPOSIT) {
      Entry.OfDeposit deposit = (Entry.OfDeposit) entry.orElse(null);
      keep(
          SupervisorStore.stored(key.name()),
          deposit,
          deposit == null ? Optional.empty() : stored.apply(deposit.descriptor()));
    }
  }

  private void keep(String name, @Nullable BoundSocket socket) {
    keep(name, socket, socket == null ? Optional.empty() : sockets.apply(socket.id()));
  }

  /** What stands under the name is replaced when the thing is another than before. */
  private void keep(String name, @Nullable Object thing, Optional<OwnedFd> borrowed) {
    Object before = kept.get(name);
    if (thing != null && borrowed.isPresent()) {
      if (!thing.equals(before)) {
        if (before != null) {
          store.remove(name);
        }
        store.keep(name, borrowed.get());
        kept.put(name, thing);
      }
    } else if (before != null) {
      store.remove(name);
      kept.remove(name);
    }
  }

  /** The successor writes from now on. */
  void letGo() {
    if (journal != null) {
      journal.close();
      journal = null;
    }
    begun = false;
  }

  /**
   * The broker ends on purpose. What still lives of it, because workers hold it or the supervisor
   * does, can be found by the next one.
   *
   * @return the listeners that somebody still holds
   */
  Set<ListenerName> end() {
    Set<ListenerName> held = new HashSet<>();
    if (!begun) {
      return held;
    }
    begun = false;
    List<Entry> all = state.entries();
    for (Entry entry : all) {
      if (entry instanceof Entry.OfLease lease && lease.worker() == 0) {
        held.addAll(lease.request().names());
      }
    }
    Journal open = journal;
    journal = null;
    if (open == null) {
      return held;
    }
    List<Entry> left =
        all.stream()
            .filter(
                entry ->
                    entry instanceof Entry.OfLease lease
                        ? lease.worker() == 0
                        : entry instanceof Entry.OfListener listener
                            && (held.contains(listener.name()) || store.isPresent()))
            .toList();
    if (left.isEmpty()) {
      open.remove();
      return held;
    }
    open.close();
    create(left, Journal.Content.NONE);
    letGo();
    return held;
  }
}
