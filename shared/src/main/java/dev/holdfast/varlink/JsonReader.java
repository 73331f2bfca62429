package dev.holdfast.varlink;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Bytes to values, straight from the slice, one pass. This is on the path of every hand-over:
 * besides the values themselves it allocates only when a string has an escape or is not ASCII.
 */
final class JsonReader {
  private static final int END = -1;

  private final byte[] bytes;
  private final int start;
  private final int end;
  private final int maximumDepth;
  private int position;
  private int depth;
  private char[] scratch = {};
  private int scratchLength;

  JsonReader(byte[] bytes, int offset, int length, int maximumDepth) {
    this.bytes = bytes;
    this.start = offset;
    this.end = Math.addExact(offset, length);
    this.maximumDepth = maximumDepth;
    this.position = offset;
  }

  JsonObject document() throws JsonException {
    skipSpace();
    if (peek() != '{') {
      throw unexpected("an object");
    }
    JsonObject object = object();
    skipSpace();
    if (position != end) {
      throw unexpected("the end of the text");
    }
    return object;
  }

  private JsonObject object() throws JsonException {
    enter();
    skipSpace();
    if (peek() == '}') {
      leave();
      return JsonObject.EMPTY;
    }
    LinkedHashMap<String, @Nullable Object> members = new LinkedHashMap<>(8);
    while (true) {
      skipSpace();
      int nameAt = position;
      if (peek() != '"') {
        throw unexpected("a name in quotes");
      }
      String name = string();
      skipSpace();
      expect(':');
      int before = members.size();
      members.put(name, value());
      if (members.size() == before) {
        throw error(nameAt, "the name \"" + name + "\" for the second time");
      }
      skipSpace();
      if (peek() == '}') {
        leave();
        return new JsonObject(members);
      }
      expect(',');
    }
  }

  private List<@Nullable Object> array() throws JsonException {
    enter();
    skipSpace();
    if (peek() == ']') {
      leave();
      return List.of();
    }
    List<@Nullable Object> elements = new ArrayList<>(4);
    while (true) {
      elements.add(value());
      skipSpace();
      if (peek() == ']') {
        leave();
        return Collections.unmodifiableList(elements);
      }
      expect(',');
    }
  }

  private @Nullable Object value() throws JsonException {
    skipSpace();
    int next = peek();
    return switch (next) {
      case '{' -> object();
      case '[' -> array();
      case '"' -> string();
      case 't' -> literal("true", true);
      case 'f' -> literal("false", false);
      case 'n' -> literal("null", null);
      default -> {
        if (next != '-' && !isDigit(next)) {
          throw unexpected("a value");
        }
        yield number();
      }
    };
  }

  private void enter() throws JsonException {
    if (++depth > maximumDepth) {
      throw error(position, "nested deeper than " + maximumDepth);
    }
    position++;
  }

  private void leave() {
    depth--;
    position++;
  }

  private @Nullable Object literal(String word, @Nullable Object value) throws JsonException {
    for (int i = 0; i < word.length(); i++) {
      if (peek() != word.charAt(i)) {
        throw unexpected(word);
      }
      position++;
    }
    return value;
  }

  private Object number() throws JsonException {
    int from = position;
    boolean negative = peek() == '-';
    if (negative) {
      position++;
    }
    int firstDigit = position;
    // Counted down, because the negative numbers reach one further.
    long value = 0;
    boolean fits = true;
    while (isDigit(peek())) {
      int digit = peek() - '0';
      fits = fits && (value > Long.MIN_VALUE / 10 || (value == Long.MIN_VALUE / 10 && digit <= 8));
      value = fits ? value * 10 - digit : value;
      position++;
    }
    if (position == firstDigit) {
      throw unexpected("a digit");
    }
    if (bytes[firstDigit] == '0' && position > firstDigit + 1) {
      throw error(firstDigit, "a number with a leading zero");
    }
    boolean integral = true;
    if (peek() == '.') {
      integral = false;
      position++;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      integral = false;
      position++;
      if (peek() == '+' || peek() == '-') {
        position++;
      }
      digits();
    }
    if (integral && fits && (negative || value != Long.MIN_VALUE)) {
      return negative ? value : -value;
    }
    double number = Double.parseDouble(new String(bytes, from, position - from, ISO_8859_1));
    if (!Double.isFinite(number)) {
      throw error(from, "a number too large");
    }
    return number;
  }

  private void digits() throws JsonException {
    if (!isDigit(peek())) {
      throw unexpected("a digit");
    }
    while (isDigit(peek())) {
      position++;
    }
  }

  private String string() throws JsonException {
    int from = ++position;
    while (position < end) {
      int b = bytes[position];
      if (b == '"') {
        String plain = new String(bytes, from, position - from, ISO_8859_1);
        position++;
        return plain;
      }
      if (b == '\\' || b < 0) {
        return unplainString(from);
      }
      if (b < 0x20) {
        break;
      }
      position++;
    }
    throw unexpected("a character of a string, or its closing quote");
  }

  /** Goes on, where an escape or a byte beyond ASCII stands, with a string that began earlier. */
  private String unplainString(int from) throws JsonException {
    scratchLength = 0;
    for (int i = from; i < position; i++) {
      append((char) bytes[i]);
    }
    while (true) {
      int b = peek();
      if (b == '"') {
        position++;
        return new String(scratch, 0, scratchLength);
      }
      if (b < 0x20) {
        throw unexpected("a character of a string, or its closing quote");
      }
      if (b == '\\') {
        escape();
      } else if (b < 0x80) {
        position++;
        append((char) b);
      } else {
        beyondAscii(b);
      }
    }
  }

  private void escape() throws JsonException {
    int at = position++;
    int letter = peek();
    position++;
    switch (letter) {
      case '"', '\\', '/' -> append((char) letter);
      case 'b' -> append('\b');
      case 'f' -> append('\f');
      case 'n' -> append('\n');
      case 'r' -> append('\r');
      case 't' -> append('\t');
      case 'u' -> unicodeEscape(at);
      default -> throw error(at, "an escape that JSON does not have");
    }
  }

  private void unicodeEscape(int at) throws JsonException {
    char first = fourHexDigits();
    append(first);
    if (Character.isLowSurrogate(first)) {
      throw error(at, "the second half of a surrogate pair alone");
    }
    if (Character.isHighSurrogate(first)) {
      if (peek() == '\\' && position + 1 < end && bytes[position + 1] == 'u') {
        position += 2;
        char second = fourHexDigits();
        if (Character.isLowSurrogate(second)) {
          append(second);
          return;
        }
      }
      throw error(at, "the first half of a surrogate pair alone");
    }
  }

  private char fourHexDigits() throws JsonException {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      int b = peek();
      int digit = b < 0x80 ? Character.digit(b, 16) : -1;
      if (digit < 0) {
        throw unexpected("a hexadecimal digit");
      }
      value = value << 4 | digit;
      position++;
    }
    return (char) value;
  }

  /** One character of two to four bytes; no overlong form, no surrogate, nothing past U+10FFFF. */
  private void beyondAscii(int lead) throws JsonException {
    int at = position++;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4) {
      throw error(at, "not UTF-8");
    }
    int codePoint = lead & (0x3f >> more);
    for (int i = 0; i < more; i++) {
      int b = peek();
      if (b == END || (b & 0xc0) != 0x80) {
        throw error(at, "not UTF-8");
      }
      codePoint = codePoint << 6 | (b & 0x3f);
      position++;
    }
    int least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
    boolean surrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
    if (codePoint < least || codePoint > 0x10ffff || surrogate) {
      throw error(at, "not UTF-8");
    }
    if (codePoint < 0x10000) {
      append((char) codePoint);
    } else {
      append(Character.highSurrogate(codePoint));
      append(Character.lowSurrogate(codePoint));
    }
  }

  private void append(char c) {
    if (scratchLength == scratch.length) {
      scratch = Arrays.copyOf(scratch, Math.max(64, scratchLength * 2));
    }
    scratch[scratchLength++] = c;
  }

  private void skipSpace() {
    while (position < end) {
      byte b = bytes[position];
      if (b != ' ' && b != '\n' && b != '\r' && b != '\t') {
        return;
      }
      position++;
    }
  }

  private int peek() {
    return position < end ? bytes[position] & 0xff : END;
  }

  private void expect(char wanted) throws JsonException {
    if (peek() != wanted) {
      throw unexpected("'" + wanted + "'");
    }
    position++;
  }

  private static boolean isDigit(int b) {
    return b >= '0' && b <= '9';
  }

  private JsonException unexpected(String wanted) {
    int found = peek();
    String what =
        found == END
            ? "the text ends"
            : found > 0x20 && found < 0x7f
                ? "found '" + (char) found + "'"
                : String.format("found byte 0x%02x", found);
    return error(position, "expected " + wanted + ", " + what);
  }

  private JsonException error(int at, String message) {
    return new JsonException(at - start, message);
  }
}
