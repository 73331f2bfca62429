package dev.holdfast.agent.load;

import java.util.Locale;
import java.util.Optional;

/** Finds in an answer who gave it. Called on the load's thread: must neither block nor throw. */
@FunctionalInterface
public interface WorkerName {
  /**
   * The worker's name, if the answer has one.
   *
   * @param head status line and headers, empty when the exchange has none
   * @param body the body, or its start (a few KiB)
   */
  Optional<String> in(String head, String body);

  /** No name: nothing is counted per worker. */
  static WorkerName none() {
    return (head, body) -> Optional.empty();
  }

  /** The header {@code X-Worker}; without it, a first body line {@code worker NAME …}. */
  static WorkerName standard() {
    return header("X-Worker").or(firstLine("worker "));
  }

  /** The value of a header. */
  static WorkerName header(String name) {
    String prefix = name.toLowerCase(Locale.ROOT) + ":";
    return (head, body) -> {
      int line = 0;
      while (line >= 0 && line < head.length()) {
        if (head.regionMatches(true, line, prefix, 0, prefix.length())) {
          int end = head.indexOf('\n', line);
          String value = head.substring(line + prefix.length(), end < 0 ? head.length() : end);
          return named(value.strip());
        }
        line = head.indexOf('\n', line) + 1;
        if (line == 0) {
          break;
        }
      }
      return Optional.empty();
    };
  }

  /** The word that follows the prefix, when the body begins with it. */
  static WorkerName firstLine(String prefix) {
    return (head, body) -> {
      if (!body.startsWith(prefix)) {
        return Optional.empty();
      }
      int end = prefix.length();
      while (end < body.length() && body.charAt(end) > ' ') {
        end++;
      }
      return named(body.substring(prefix.length(), end));
    };
  }

  /** This one's name, or else the other's. */
  default WorkerName or(WorkerName other) {
    return (head, body) -> {
      Optional<String> name = in(head, body);
      return name.isPresent() ? name : other.in(head, body);
    };
  }

  private static Optional<String> named(String value) {
    return value.isEmpty() ? Optional.empty() : Optional.of(value);
  }
}
