package dev.holdfast.broker.core;

import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Moments at which something is due, at most one for each key. */
final class Deadlines<K> {

  // Compares by itself: the JDK's comparators are lambdas that no class archive keeps, and a broker
  // starts faster without them.
  private record Entry<K>(Instant at, long order, K key) implements Comparable<Entry<?>> {
    @Override
    public int compareTo(Entry<?> other) {
      int byMoment = at.compareTo(other.at);
      return byMoment != 0 ? byMoment : Long.compare(order, other.order);
    }
  }

  private final Map<K, Entry<K>> byKey = new HashMap<>();
  private final TreeSet<Entry<K>> inOrder = new TreeSet<>();
  private long lastOrder;

  /** Sets the moment of a key, whatever it was before. */
  void set(K key, Instant at) {
    clear(key);
    Entry<K> entry = new Entry<>(at, ++lastOrder, key);
    byKey.put(key, entry);
    inOrder.add(entry);
  }

  void clear(K key) {
    Entry<K> entry = byKey.remove(key);
    if (entry != null) {
      inOrder.remove(entry);
    }
  }

  Optional<Instant> of(K key) {
    return Optional.ofNullable(byKey.get(key)).map(Entry::at);
  }

  Optional<Instant> earliest() {
    return inOrder.isEmpty() ? Optional.empty() : Optional.of(inOrder.first().at());
  }

  /** Takes one key whose moment has come, the earliest first; null when there is none. */
  @Nullable K takeDue(Instant now) {
    if (inOrder.isEmpty() || inOrder.first().at().isAfter(now)) {
      return null;
    }
    K key = inOrder.first().key();
    clear(key);
    return key;
  }
}
