package dev.holdfast.broker.config;

import dev.holdfast.spelling.NearestName;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.tomlj.TomlTable;

/** The keys of one kind of section: the table that reading and the manual go by. */
final class Section {

  /** The keys of all sections that have a table as their value. */
  private static final List<String> TABLES = List.of("environment", "limits");

  private final Map<String, Key<?>> keys;

  Section(Key<?>... keys) {
    this.keys = List.of(keys).stream().collect(Collectors.toMap(Key::name, Function.identity()));
  }

  Map<String, Key<?>> keys() {
    return keys;
  }

  /**
   * Reads what stands in a table, reporting what is wrong with it.
   *
   * @param title as the file has it: {@code [listener.web]}
   */
  Values read(String title, TomlTable table, Problems problems, Surroundings surroundings) {
    Values values = new Values();
    for (String name : table.keySet()) {
      Setting setting =
          new Setting(
              name,
              Positions.value(table, name),
              Positions.of(table, name),
              problems,
              surroundings);
      Key<?> key = keys.get(name);
      if (key != null) {
        values.put(key, setting);
      } else {
        setting.wrong(
            "unknown key " + Described.quoted(name) + " in " + title + advice(title, setting));
      }
    }
    return values;
  }

  private String advice(String title, Setting setting) {
    if (!(setting.value() instanceof TomlTable) || !title.contains(".")) {
      return NearestName.question(setting.name(), keys.keySet());
    }
    List<String> tables = TABLES.stream().filter(keys::containsKey).toList();
    String question = NearestName.question(setting.name(), tables);
    return question.isEmpty() ? dottedName(title, setting.name()) : question;
  }

  private static String dottedName(String title, String rest) {
    int dot = title.indexOf('.');
    String kind = title.substring(1, dot);
    String name = title.substring(dot + 1, title.length() - 1).replace("\"", "");
    return "; a "
        + kind
        + "'s name with a dot goes in quotes: ["
        + kind
        + ".\""
        + name
        + "."
        + Described.clean(rest)
        + "\"]";
  }
}
