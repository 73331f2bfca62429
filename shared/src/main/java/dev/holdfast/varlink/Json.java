package dev.holdfast.varlink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Reads and writes JSON, strictly: one object, valid UTF-8, no duplicate names, no lone surrogates,
 * nothing behind it. A number without fraction and exponent that fits is a {@code Long}; any other
 * is a {@code Double}, and refused if that is infinite. Two readers that disagree about a text are
 * how checks get bypassed, so there is one reading or none.
 *
 * <p>All methods may be called by any thread.
 */
public final class Json {
  /** How deep objects and arrays may nest; the outermost object is 1. How many bytes a text has. */
  public record Limits(int depth, int size) {
    /** 32 deep, 1 MiB: the limits of a frame. */
    public static final Limits DEFAULT = new Limits(32, 1 << 20);

    public Limits {
      // The reader and the writer recurse; at 1000 the stack of any thread still holds.
      if (depth < 1 || depth > 1000 || size < 2) {
        throw new IllegalArgumentException("depth " + depth + ", size " + size);
      }
    }
  }

  private Json() {}

  public static JsonObject parse(byte[] text) throws JsonException {
    return parse(text, 0, text.length, Limits.DEFAULT);
  }

  public static JsonObject parse(String text) throws JsonException {
    return parse(text.getBytes(UTF_8));
  }

  /** Reads what remains of {@code text}, without moving its position. */
  public static JsonObject parse(ByteBuffer text, Limits limits) throws JsonException {
    if (text.hasArray()) {
      return parse(text.array(), text.arrayOffset() + text.position(), text.remaining(), limits);
    }
    byte[] copy = new byte[text.remaining()];
    text.duplicate().get(copy);
    return parse(copy, 0, copy.length, limits);
  }

  /** Reads {@code length} bytes from {@code offset}; nothing of the array is kept. */
  public static JsonObject parse(byte[] text, int offset, int length, Limits limits)
      throws JsonException {
    if (length > limits.size()) {
      throw new JsonException(
          limits.size(), "the text has " + length + " bytes, the limit is " + limits.size());
    }
    return new JsonReader(text, offset, length, limits.depth()).document();
  }

  public static String write(JsonObject object) {
    ByteSink sink = new ByteSink(256);
    write(object, sink);
    return new String(sink.array(), 0, sink.length(), UTF_8);
  }

  public static byte[] bytes(JsonObject object) {
    ByteSink sink = new ByteSink(256);
    write(object, sink);
    return Arrays.copyOf(sink.array(), sink.length());
  }

  /**
   * Appends the text to {@code sink}. Never fails on a value that a {@link JsonObject} can hold: a
   * lone surrogate, which UTF-8 cannot carry, is written as U+FFFD.
   */
  public static void write(JsonObject object, ByteSink sink) {
    JsonWriter.object(object, sink);
  }

  /** Appends the text and the NUL that ends a frame. */
  public static void writeFrame(JsonObject object, ByteSink sink) {
    JsonWriter.object(object, sink);
    sink.put(0);
  }
}
