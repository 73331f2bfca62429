package dev.holdfast.broker.config;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlArray;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/**
 * One value as it stands in the file, with all that a reader needs to turn it into what is meant,
 * or to say why it cannot.
 *
 * @param name of its key
 * @param value as tomlj has it: String, Long, Double, Boolean, TomlArray, TomlTable or a date
 */
@SuppressWarnings("TypeParameterUnusedInFormals") // null, which is all they return, has every type
record Setting(
    String name, Object value, TomlPosition at, Problems problems, Surroundings surroundings) {

  /** Reports {@code backlog must be an integer, not the string "many"}. Returns null. */
  <T> @Nullable T mustBe(String expected) {
    return mustBe(expected, "");
  }

  /** The same, with advice at the end. */
  <T> @Nullable T mustBe(String expected, String advice) {
    return wrong(name + " must be " + expected + ", not " + Described.value(value) + advice);
  }

  /** Reports what is wrong, in words of the reader's own. Returns null. */
  <T> @Nullable T wrong(String message) {
    problems.add(at, message);
    return null;
  }

  /** The elements of an array, each with its own position. */
  static List<Setting> elements(Setting setting, TomlArray array) {
    List<Setting> elements = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      elements.add(
          new Setting(
              setting.name,
              array.get(i),
              array.inputPositionOf(i),
              setting.problems,
              setting.surroundings));
    }
    return elements;
  }

  /** The members of a table, each with its own name and position. */
  static List<Setting> members(Setting setting, TomlTable table) {
    List<Setting> members = new ArrayList<>();
    for (String name : table.keySet()) {
      members.add(
          new Setting(
              name,
              Positions.value(table, name),
              Positions.of(table, name),
              setting.problems,
              setting.surroundings));
    }
    return members;
  }
}
