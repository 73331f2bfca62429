package dev.holdfast.broker.config;

import org.tomlj.TomlArray;
import org.tomlj.TomlTable;

/** Values and names of the file as messages show them: on one line, and not endless. */
final class Described {

  private static final int LONGEST = 100;

  private Described() {}

  static String value(Object value) {
    if (value instanceof String text) {
      return "the string " + quoted(text);
    } else if (value instanceof Long number) {
      return "the integer " + number;
    } else if (value instanceof Double number) {
      return "the number " + number;
    } else if (value instanceof Boolean) {
      return String.valueOf(value);
    } else if (value instanceof TomlArray) {
      return "an array";
    } else if (value instanceof TomlTable) {
      return "a table";
    }
    return "the date or time " + value;
  }

  /** What to write where a string is wanted; nothing if it is not only the quotes that lack. */
  static String quotesAdvice(Object value) {
    return value instanceof Long || value instanceof Boolean
        ? "; write " + quoted(value.toString())
        : "";
  }

  static String message(Exception e) {
    return String.valueOf(e.getMessage());
  }

  static String quoted(String text) {
    return '"' + clean(text) + '"';
  }

  /** A key as the file has to have it: in quotes where TOML wants them. */
  static String key(String name) {
    return name.matches("[A-Za-z0-9_-]{1,64}") ? name : quoted(name);
  }

  /** Without what a terminal would obey. */
  static String clean(String text) {
    StringBuilder clean = new StringBuilder();
    for (int i = 0; i < text.length() && i < LONGEST; i++) {
      char c = text.charAt(i);
      boolean shown = !Character.isISOControl(c) && !Character.isSurrogate(c);
      clean.append(shown ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return clean.append(text.length() > LONGEST ? "…" : "").toString();
  }
}
