package dev.holdfast.broker.config;

import dev.holdfast.listener.ListenerName;
import dev.holdfast.spelling.NearestName;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.tomlj.TomlArray;
import org.tomlj.TomlTable;

/**
 * {@code {fd:NAME}} in commands and variables. Braces around anything else are the program's own.
 */
final class Placeholders {

  private static final Pattern DESCRIPTOR = Pattern.compile("\\{fd:([^{}]*)\\}");

  private Placeholders() {}

  /** Reports those in an array or table of strings that name no listener of the service. */
  static void check(Setting setting, String title, List<ListenerName> listeners) {
    List<String> names = listeners.stream().map(ListenerName::value).toList();
    List<Setting> texts = List.of();
    if (setting.value() instanceof TomlArray array) {
      texts = Setting.elements(setting, array);
    } else if (setting.value() instanceof TomlTable table) {
      texts = Setting.members(setting, table);
    }
    for (Setting each : texts) {
      if (each.value() instanceof String text) {
        checkText(setting.name(), each, text, title, names);
      }
    }
  }

  private static void checkText(
      String key, Setting setting, String text, String title, List<String> names) {
    Matcher descriptor = DESCRIPTOR.matcher(text);
    while (descriptor.find()) {
      String name = descriptor.group(1);
      if (!names.contains(name)) {
        setting.wrong(
            key
                + ": "
                + Described.clean(descriptor.group())
                + " is no listener of "
                + title
                + advice(name, names));
      }
    }
  }

  private static String advice(String name, List<String> names) {
    String question = NearestName.question(name, names);
    if (!question.isEmpty()) {
      return question;
    }
    return names.isEmpty()
        ? ", which has none; write listeners = [\"NAME\"]"
        : "; it has " + String.join(", ", names);
  }
}
