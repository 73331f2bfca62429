package dev.holdfast.broker.config;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.tomlj.TomlPosition;

/** Collects what is wrong with one file, so that a user learns of everything at once. */
final class Problems {

  private final String file;
  private final List<Problem> found = new ArrayList<>();

  Problems(String file) {
    this.file = file;
  }

  /** An empty one for the same file. */
  Problems another() {
    return new Problems(file);
  }

  void add(TomlPosition at, String message) {
    found.add(new Problem(file, at.line(), at.column(), shown(message)));
  }

  /** About the file as a whole. */
  void add(String message) {
    found.add(new Problem(file, 0, 0, shown(message)));
  }

  /** Messages of others may hold a piece of the file, and so what a terminal would obey. */
  private static String shown(String message) {
    return message.replaceAll("\\p{Cntrl}", "?");
  }

  List<Problem> inOrder() {
    return found.stream()
        .sorted(Comparator.comparingInt(Problem::line).thenComparingInt(Problem::column))
        .toList();
  }

  void throwIfAny() throws ConfigException {
    if (!found.isEmpty()) {
      throw new ConfigException(inOrder());
    }
  }
}
