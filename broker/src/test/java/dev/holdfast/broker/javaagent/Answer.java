package dev.holdfast.broker.javaagent;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a server says of itself.
 *
 * @param worker its name, which tells one version from another
 * @param pid empty where it cannot say it
 * @param port on which it believes to listen
 */
record Answer(String worker, OptionalInt pid, OptionalInt port) {
  private static final Pattern TEXT = Pattern.compile("worker (\\S+)(?: pid (\\d+) port (\\d+))?");

  /** The words that say it, among others. */
  static Optional<String> textIn(String body) {
    Matcher text = TEXT.matcher(body);
    return text.find() ? Optional.of(text.group()) : Optional.empty();
  }

  static Answer of(String text) {
    Matcher parts = TEXT.matcher(text);
    if (!parts.matches()) {
      throw new AssertionError("not the answer of a worker: " + text);
    }
    return new Answer(parts.group(1), number(parts.group(2)), number(parts.group(3)));
  }

  private static OptionalInt number(String digits) {
    return digits == null ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(digits));
  }
}
