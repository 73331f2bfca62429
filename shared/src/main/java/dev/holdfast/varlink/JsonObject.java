package dev.holdfast.varlink;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A JSON object: names in the order they were written, each with a {@code String}, {@code Long},
 * {@code Double}, {@code Boolean}, {@code JsonObject}, {@code List} of these, or null. Immutable,
 * and so are its lists.
 *
 * <p>To every accessor a member that is null is a member that is absent, as in Varlink. Accessors
 * throw {@code IllegalArgumentException}, naming the member, when it is absent or of another type:
 * check parameters with {@link InterfaceDescription#check} first, then that cannot happen.
 */
public final class JsonObject {
  /** {@code {}}. */
  public static final JsonObject EMPTY = new JsonObject(new LinkedHashMap<>(0));

  private final Map<String, @Nullable Object> members;

  /** Takes the map over: the caller must not touch it, or a list in it, again. */
  JsonObject(Map<String, @Nullable Object> members) {
    this.members = Collections.unmodifiableMap(members);
  }

  public static JsonObject of(String name, @Nullable Object value) {
    return builder().put(name, value).build();
  }

  public static JsonObject of(
      String name1, @Nullable Object value1, String name2, @Nullable Object value2) {
    return builder().put(name1, value1).put(name2, value2).build();
  }

  public static JsonObject of(
      String name1,
      @Nullable Object value1,
      String name2,
      @Nullable Object value2,
      String name3,
      @Nullable Object value3) {
    return builder().put(name1, value1).put(name2, value2).put(name3, value3).build();
  }

  public static Builder builder() {
    return new Builder();
  }

  public boolean isEmpty() {
    return members.isEmpty();
  }

  public int size() {
    return members.size();
  }

  /** Whether the member is there and not null. */
  public boolean has(String name) {
    return members.get(name) != null;
  }

  /** All members in order, those that are null included. Unmodifiable. */
  public Map<String, @Nullable Object> members() {
    return members;
  }

  public @Nullable Object value(String name) {
    return members.get(name);
  }

  public String string(String name) {
    return required(name, String.class, "a string");
  }

  public Optional<String> optionalString(String name) {
    return optional(name, String.class, "a string");
  }

  public long integer(String name) {
    return required(name, Long.class, "an integer");
  }

  public OptionalLong optionalInteger(String name) {
    Optional<Long> value = optional(name, Long.class, "an integer");
    return value.isPresent() ? OptionalLong.of(value.get()) : OptionalLong.empty();
  }

  public boolean bool(String name) {
    return required(name, Boolean.class, "a boolean");
  }

  public boolean bool(String name, boolean otherwise) {
    return optional(name, Boolean.class, "a boolean").orElse(otherwise);
  }

  public JsonObject object(String name) {
    return required(name, JsonObject.class, "an object");
  }

  /** The elements as they are; an element can be null. */
  public List<?> list(String name) {
    return required(name, List.class, "an array");
  }

  public List<String> strings(String name) {
    return elements(name, list(name), String.class, "an array of strings");
  }

  public Optional<List<String>> optionalStrings(String name) {
    return has(name) ? Optional.of(strings(name)) : Optional.empty();
  }

  public List<JsonObject> objects(String name) {
    return elements(name, list(name), JsonObject.class, "an array of objects");
  }

  public Optional<List<JsonObject>> optionalObjects(String name) {
    return has(name) ? Optional.of(objects(name)) : Optional.empty();
  }

  private <T> T required(String name, Class<T> type, String expected) {
    Object value = members.get(name);
    if (!type.isInstance(value)) {
      throw mismatch(name, expected, value);
    }
    return type.cast(value);
  }

  private <T> Optional<T> optional(String name, Class<T> type, String expected) {
    return has(name) ? Optional.of(required(name, type, expected)) : Optional.empty();
  }

  private static <T> List<T> elements(String name, List<?> list, Class<T> type, String expected) {
    List<T> elements = new ArrayList<>(list.size());
    for (Object element : list) {
      if (!type.isInstance(element)) {
        throw mismatch(name, expected, element);
      }
      elements.add(type.cast(element));
    }
    return Collections.unmodifiableList(elements);
  }

  private static IllegalArgumentException mismatch(
      String name, String expected, @Nullable Object found) {
    String what = found == null ? "nothing" : found.getClass().getSimpleName();
    return new IllegalArgumentException(name + ": expected " + expected + ", found " + what);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof JsonObject object && members.equals(object.members);
  }

  @Override
  public int hashCode() {
    return members.hashCode();
  }

  /** The JSON text. */
  @Override
  public String toString() {
    return Json.write(this);
  }

  /** Collects members. Not thread-safe; good for one {@link #build}. */
  public static final class Builder {
    private @Nullable Map<String, @Nullable Object> members = new LinkedHashMap<>(8);

    private Builder() {}

    /**
     * Adds a member; a null is left out. Takes what {@link JsonObject} holds, and also other
     * integers, other collections and maps with string keys, which it copies.
     *
     * @throws IllegalArgumentException for another type, a number that JSON has no way to write, or
     *     a name that is already there
     */
    public Builder put(String name, @Nullable Object value) {
      if (value == null) {
        return this;
      }
      if (open().putIfAbsent(name, normal(value)) != null) {
        throw new IllegalArgumentException(name + " is there already");
      }
      return this;
    }

    public JsonObject build() {
      JsonObject object = new JsonObject(open());
      members = null;
      return object;
    }

    private Map<String, @Nullable Object> open() {
      if (members == null) {
        throw new IllegalStateException("this builder has built its object");
      }
      return members;
    }

    private static Object normal(Object value) {
      if (value instanceof String
          || value instanceof Boolean
          || value instanceof Long
          || value instanceof JsonObject) {
        return value;
      }
      if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
        return ((Number) value).longValue();
      }
      if (value instanceof Double number && Double.isFinite(number)) {
        return value;
      }
      if (value instanceof Collection<?> collection) {
        List<@Nullable Object> list = new ArrayList<>(collection.size());
        for (Object element : collection) {
          list.add(element == null ? null : normal(element));
        }
        return Collections.unmodifiableList(list);
      }
      if (value instanceof Map<?, ?> map) {
        Builder builder = new Builder();
        map.forEach((name, element) -> builder.put((String) name, element));
        return builder.build();
      }
      throw new IllegalArgumentException(
          "JSON has no way to write " + value + " (" + value.getClass().getName() + ")");
    }
  }
}
