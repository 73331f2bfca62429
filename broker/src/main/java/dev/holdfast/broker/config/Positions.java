package dev.holdfast.broker.config;

import java.util.List;
import java.util.Objects;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/**
 * Reaches into a table by a key that is taken as it stands: tomlj's methods with a string would
 * split it at its dots.
 */
final class Positions {

  private static final TomlPosition START = TomlPosition.positionAt(1, 1);

  private Positions() {}

  static Object value(TomlTable table, String name) {
    return Objects.requireNonNull(table.get(List.of(name)), name);
  }

  /** Where the key, or the header of the table, stands. */
  static TomlPosition of(TomlTable table, String name) {
    TomlPosition position = table.inputPositionOf(List.of(name));
    return position == null ? START : position;
  }
}
