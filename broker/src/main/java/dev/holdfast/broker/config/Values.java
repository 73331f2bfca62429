package dev.holdfast.broker.config;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlPosition;

/** What was read from one section. A key whose value was wrong is there without its value. */
final class Values {

  private final Map<Key<?>, Setting> settings = new LinkedHashMap<>();
  private final Map<Key<?>, Object> meanings = new LinkedHashMap<>();

  /** Reads the value of a key. */
  void put(Key<?> key, Setting setting) {
    settings.put(key, setting);
    Object meaning = key.reader().read(setting);
    if (meaning != null) {
      meanings.put(key, meaning);
    }
  }

  /** Every key that is there, right or wrong. */
  Map<Key<?>, Setting> settings() {
    return settings;
  }

  /** A key that is there, right or wrong. */
  @Nullable Setting setting(Key<?> key) {
    return settings.get(key);
  }

  /** Whether a key is there with a value that was reported. */
  boolean isWrong(Key<?> key) {
    return settings.containsKey(key) && !meanings.containsKey(key);
  }

  @Nullable TomlPosition positionOf(Key<?> key) {
    Setting setting = settings.get(key);
    return setting == null ? null : setting.at();
  }

  @SuppressWarnings("unchecked") // put stores what the key's own Reader<T> returned
  <T> @Nullable T get(Key<T> key) {
    return (T) meanings.get(key);
  }

  <T> T get(Key<T> key, T otherwise) {
    T meaning = get(key);
    return meaning == null ? otherwise : meaning;
  }
}
