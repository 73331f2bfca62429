package dev.holdfast.varlink;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Values to bytes. */
final class JsonWriter {
  private static final String HEX = "0123456789abcdef";

  private JsonWriter() {}

  static void object(JsonObject object, ByteSink sink) {
    sink.put('{');
    boolean first = true;
    for (Map.Entry<String, @Nullable Object> member : object.members().entrySet()) {
      if (!first) {
        sink.put(',');
      }
      first = false;
      string(member.getKey(), sink);
      sink.put(':');
      value(member.getValue(), sink);
    }
    sink.put('}');
  }

  private static void value(@Nullable Object value, ByteSink sink) {
    if (value instanceof String string) {
      string(string, sink);
    } else if (value instanceof JsonObject object) {
      object(object, sink);
    } else if (value instanceof List<?> list) {
      list(list, sink);
    } else {
      // null, true, false, Long and finite Double print as JSON writes them.
      sink.putAscii(String.valueOf(value));
    }
  }

  private static void list(List<?> list, ByteSink sink) {
    sink.put('[');
    boolean first = true;
    for (Object element : list) {
      if (!first) {
        sink.put(',');
      }
      first = false;
      value(element, sink);
    }
    sink.put(']');
  }

  private static void string(String string, ByteSink sink) {
    sink.put('"');
    int length = string.length();
    for (int i = 0; i < length; i++) {
      char c = string.charAt(i);
      if (c >= 0x80) {
        int codePoint = string.codePointAt(i);
        i += Character.charCount(codePoint) - 1;
        beyondAscii(codePoint, sink);
      } else if (c == '"' || c == '\\') {
        sink.put('\\');
        sink.put(c);
      } else if (c < 0x20 || c == 0x7f) {
        control(c, sink);
      } else {
        sink.put(c);
      }
    }
    sink.put('"');
  }

  private static void control(char c, ByteSink sink) {
    switch (c) {
      case '\n' -> sink.putAscii("\\n");
      case '\r' -> sink.putAscii("\\r");
      case '\t' -> sink.putAscii("\\t");
      default -> {
        sink.putAscii("\\u00");
        sink.put(HEX.charAt(c >> 4));
        sink.put(HEX.charAt(c & 15));
      }
    }
  }

  private static void beyondAscii(int codePoint, ByteSink sink) {
    int c = codePoint >= 0xd800 && codePoint <= 0xdfff ? 0xfffd : codePoint;
    if (c < 0x800) {
      sink.put(0xc0 | (c >> 6));
    } else {
      if (c < 0x10000) {
        sink.put(0xe0 | (c >> 12));
      } else {
        sink.put(0xf0 | (c >> 18));
        sink.put(0x80 | ((c >> 12) & 0x3f));
      }
      sink.put(0x80 | ((c >> 6) & 0x3f));
    }
    sink.put(0x80 | (c & 0x3f));
  }
}
