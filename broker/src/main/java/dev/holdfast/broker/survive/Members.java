package dev.holdfast.broker.survive;

import dev.holdfast.varlink.JsonObject;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The members of an object of an entry. What is missing reads as null, zero, false or empty where a
 * method does not ask for it.
 */
final class Members {

  /** Reads a value that its text may not have. */
  @FunctionalInterface
  interface Reader<T> {
    T read(Members members) throws UnreadableException;
  }

  private final String path;
  private final JsonObject object;

  /**
   * @param path where the object stands, for messages: empty, or with a dot at its end
   */
  Members(String path, JsonObject object) {
    this.path = path;
    this.object = object;
  }

  JsonObject object() {
    return object;
  }

  /** Null for what need not be written: what reads as the same when it is missing. */
  static @Nullable Object unless(Object value, Object usual) {
    return value.equals(usual) ? null : value;
  }

  /** Uids and gids are unsigned. */
  static long id(int id) {
    return Integer.toUnsignedLong(id);
  }

  static @Nullable Long maybeId(@Nullable Integer id) {
    return id == null ? null : id(id);
  }

  static List<Long> ids(List<Integer> ids) {
    return ids.stream().map(Members::id).toList();
  }

  static @Nullable String maybe(@Nullable Object value) {
    return value == null ? null : value.toString();
  }

  String text(String name) throws UnreadableException {
    return required(name, maybeText(name));
  }

  @Nullable String maybeText(String name) throws UnreadableException {
    return value(name, String.class, "a string");
  }

  boolean flag(String name) throws UnreadableException {
    return Boolean.TRUE.equals(maybeFlag(name));
  }

  @Nullable Boolean maybeFlag(String name) throws UnreadableException {
    return value(name, Boolean.class, "a boolean");
  }

  long number(String name) throws UnreadableException {
    return required(name, value(name, Long.class, "an integer"));
  }

  long number(String name, long otherwise) throws UnreadableException {
    Long value = value(name, Long.class, "an integer");
    return value == null ? otherwise : value;
  }

  int integer(String name) throws UnreadableException {
    return required(name, maybeInteger(name));
  }

  int integer(String name, int otherwise) throws UnreadableException {
    Integer value = maybeInteger(name);
    return value == null ? otherwise : value;
  }

  @Nullable Integer maybeInteger(String name) throws UnreadableException {
    Long value = value(name, Long.class, "an integer");
    if (value == null) {
      return null;
    }
    if (value.intValue() != value) {
      throw unreadable(name, value + " is too large");
    }
    return value.intValue();
  }

  int id(String name) throws UnreadableException {
    return required(name, maybeId(name));
  }

  @Nullable Integer maybeId(String name) throws UnreadableException {
    Long value = value(name, Long.class, "an integer");
    return value == null ? null : asId(name, value);
  }

  List<Integer> ids(String name) throws UnreadableException {
    List<Integer> ids = new ArrayList<>();
    for (Object each : list(name)) {
      ids.add(asId(name, each));
    }
    return ids;
  }

  private int asId(String name, @Nullable Object value) throws UnreadableException {
    if (!(value instanceof Long id) || id < 0 || id > 0xffff_ffffL) {
      throw unreadable(name, value + " is no uid or gid");
    }
    return id.intValue();
  }

  List<String> texts(String name) throws UnreadableException {
    List<String> texts = new ArrayList<>();
    for (Object each : list(name)) {
      if (!(each instanceof String text)) {
        throw unreadable(name, "expected an array of strings");
      }
      texts.add(text);
    }
    return texts;
  }

  <T> T read(String name, Reader<T> reader) throws UnreadableException {
    return required(name, maybe(name, reader));
  }

  <T> @Nullable T maybe(String name, Reader<T> reader) throws UnreadableException {
    JsonObject value = value(name, JsonObject.class, "an object");
    return value == null ? null : reader.read(new Members(path + name + ".", value));
  }

  <T> List<T> all(String name, Reader<T> reader) throws UnreadableException {
    List<T> values = new ArrayList<>();
    for (Object each : list(name)) {
      if (!(each instanceof JsonObject value)) {
        throw unreadable(name, "expected an array of objects");
      }
      values.add(reader.read(new Members(path + name + ".", value)));
    }
    return values;
  }

  Duration duration(String name) throws UnreadableException {
    return required(name, maybeDuration(name));
  }

  @Nullable Duration maybeDuration(String name) throws UnreadableException {
    return parsed(name, Duration::parse);
  }

  Instant moment(String name) throws UnreadableException {
    return required(name, parsed(name, Instant::parse));
  }

  Optional<Instant> maybeMoment(String name) throws UnreadableException {
    return Optional.ofNullable(parsed(name, Instant::parse));
  }

  @Nullable Path maybePath(String name) throws UnreadableException {
    return parsed(name, Path::of);
  }

  /** What a value object makes of a text. */
  <T> T as(String name, Function<String, T> parser) throws UnreadableException {
    return required(name, parsed(name, parser));
  }

  /** One of an enum, by its word. */
  <T> T word(String name, T[] values, Function<T, String> word) throws UnreadableException {
    return required(name, maybeWord(name, values, word));
  }

  <T> @Nullable T maybeWord(String name, T[] values, Function<T, String> word)
      throws UnreadableException {
    String text = maybeText(name);
    if (text == null) {
      return null;
    }
    for (T each : values) {
      if (word.apply(each).equals(text)) {
        return each;
      }
    }
    throw unreadable(name, "nobody here knows \"" + text + "\"");
  }

  UnreadableException unreadable(String name, String what) {
    return new UnreadableException(path + name + ": " + what);
  }

  private <T> @Nullable T parsed(String name, Function<String, T> parser)
      throws UnreadableException {
    String text = maybeText(name);
    try {
      return text == null ? null : parser.apply(text);
    } catch (IllegalArgumentException | DateTimeException e) {
      throw unreadable(name, String.valueOf(e.getMessage()));
    }
  }

  private List<?> list(String name) throws UnreadableException {
    List<?> list = value(name, List.class, "an array");
    return list == null ? List.of() : list;
  }

  private <T> @Nullable T value(String name, Class<T> type, String expected)
      throws UnreadableException {
    Object value = object.value(name);
    if (value != null && !type.isInstance(value)) {
      throw unreadable(
          name, "expected " + expected + ", found " + value.getClass().getSimpleName());
    }
    return type.cast(value);
  }

  private <T> T required(String name, @Nullable T value) throws UnreadableException {
    if (value == null) {
      throw unreadable(name, "is missing");
    }
    return value;
  }
}
