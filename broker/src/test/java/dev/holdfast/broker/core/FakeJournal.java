package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.FakeWorld.require;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

/** What a broker writes down of itself: all of it once, from then on what was touched. */
final class FakeJournal {

  private final Map<Entry.Key, Entry> written = new HashMap<>();

  /** Begins anew. */
  void create(BrokerState state) {
    state.takeTouched();
    written.clear();
    written.putAll(byKey(state.entries()));
  }

  void write(BrokerState state) {
    for (Entry.Key key : state.takeTouched()) {
      state.entry(key).ifPresentOrElse(entry -> written.put(key, entry), () -> written.remove(key));
    }
    requireEqual(byKey(state.entries()), written, "what was touched is all that has changed");
  }

  /** In an order in which a file could have them. */
  List<Entry> read(SplittableRandom random) {
    List<Entry> result = new ArrayList<>(written.values());
    result.sort(Comparator.comparing(each -> each.key().name()));
    for (int i = result.size() - 1; i > 0; i--) {
      Collections.swap(result, i, random.nextInt(i + 1));
    }
    result.sort(Comparator.comparing(each -> each.key().kind()));
    return result;
  }

  static Map<Entry.Key, Entry> byKey(List<Entry> entries) {
    Map<Entry.Key, Entry> result = new HashMap<>();
    Entry.Kind last = Entry.Kind.BROKER;
    for (Entry entry : entries) {
      require(result.put(entry.key(), entry) == null, "one entry for a thing: " + entry.key());
      require(entry.key().kind().compareTo(last) >= 0, "entries stand on those before them");
      last = entry.key().kind();
    }
    return result;
  }

  private static String difference(Entry one, Entry two) {
    StringBuilder result = new StringBuilder();
    try {
      for (RecordComponent each : one.getClass().getRecordComponents()) {
        Object expected = each.getAccessor().invoke(one);
        Object actual = each.getAccessor().invoke(two);
        if (!Objects.equals(expected, actual)) {
          result.append(" " + each.getName() + ": " + expected + " became " + actual);
        }
      }
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.getMessage(), e);
    }
    return result.toString();
  }

  /** Names what differs. */
  static void requireEqual(
      Map<Entry.Key, Entry> expected, Map<Entry.Key, Entry> actual, String what) {
    if (expected.equals(actual)) {
      return;
    }
    List<String> differences = new ArrayList<>();
    expected.forEach(
        (key, entry) -> {
          Entry other = actual.get(key);
          if (!entry.equals(other)) {
            differences.add(
                other == null ? "\n  no more: " + entry : "\n  " + key + difference(entry, other));
          }
        });
    actual.forEach(
        (key, entry) -> {
          if (!expected.containsKey(key)) {
            differences.add("\n  not expected: " + entry);
          }
        });
    throw new IllegalStateException("broken: " + what + ":" + String.join("", differences));
  }
}
