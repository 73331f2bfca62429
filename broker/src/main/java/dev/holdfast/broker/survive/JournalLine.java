package dev.holdfast.broker.survive;

import dev.holdfast.varlink.ByteSink;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonException;
import dev.holdfast.varlink.JsonObject;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * A line of the journal: a CRC-32 of the text in eight hexadecimal digits, a space, the text, a
 * line feed. JSON escapes line feeds, so there is none in a text.
 */
final class JournalLine {

  /** What a line may have; the longest is a service's whose environment fills what exec takes. */
  static final int LONGEST = 16 << 20;

  private static final int DIGITS = 8;
  private static final Json.Limits LIMITS = new Json.Limits(32, LONGEST);

  private final ByteSink text = new ByteSink(1024);
  private final byte[] sum = new byte[DIGITS + 1];
  private final CRC32 crc = new CRC32();

  /**
   * Appends a line.
   *
   * @return its length
   */
  int append(JsonObject object, ByteSink into) {
    text.clear();
    Json.write(object, text);
    crc.reset();
    crc.update(text.view());
    long value = crc.getValue();
    for (int at = DIGITS - 1; at >= 0; at--, value >>>= 4) {
      sum[at] = (byte) Character.forDigit((int) value & 0xf, 16);
    }
    sum[DIGITS] = ' ';
    into.append(ByteBuffer.wrap(sum));
    into.append(text.view());
    into.append(ByteBuffer.wrap(LINE_FEED));
    return sum.length + text.length() + LINE_FEED.length;
  }

  private static final byte[] LINE_FEED = {'\n'};

  /** Reads a line, given without its line feed; empty when it is damaged. */
  static Optional<JsonObject> parse(byte[] bytes, int offset, int length) {
    if (length <= DIGITS || bytes[offset + DIGITS] != ' ') {
      return Optional.empty();
    }
    long expected = 0;
    for (int at = offset; at < offset + DIGITS; at++) {
      int digit = Character.digit(bytes[at], 16);
      if (digit < 0) {
        return Optional.empty();
      }
      expected = expected << 4 | digit;
    }
    CRC32 crc = new CRC32();
    crc.update(bytes, offset + DIGITS + 1, length - DIGITS - 1);
    if (crc.getValue() != expected) {
      return Optional.empty();
    }
    try {
      return Optional.of(Json.parse(bytes, offset + DIGITS + 1, length - DIGITS - 1, LIMITS));
    } catch (JsonException e) {
      return Optional.empty();
    }
  }
}
