package dev.holdfast.broker.config;

import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlTable;

/** Reads the variables that a service adds to the broker's own. */
final class Environments {

  private static final Set<String> OF_THE_BROKER =
      Set.of(
          "LISTEN_FDS",
          "LISTEN_PID",
          "LISTEN_FDNAMES",
          "WATCHDOG_USEC",
          "WATCHDOG_PID",
          "NOTIFY_SOCKET",
          "HOLDFAST_LEASE",
          "HOLDFAST_SOCKET");

  private Environments() {}

  static @Nullable SortedMap<String, String> read(Setting setting) {
    if (!(setting.value() instanceof TomlTable table)) {
      return setting.mustBe("a table such as { LANG = \"C.UTF-8\" }");
    }
    SortedMap<String, String> variables = new TreeMap<>();
    for (Setting member : Setting.members(setting, table)) {
      String value = variable(setting.name(), member);
      if (value != null) {
        variables.put(member.name(), value);
      }
    }
    return variables;
  }

  /** The value of a variable, which the setting is named after. */
  private static @Nullable String variable(String key, Setting setting) {
    String name = setting.name();
    if (name.isEmpty() || name.indexOf('=') >= 0 || name.indexOf('\0') >= 0) {
      return setting.wrong(
          key
              + ": "
              + Described.quoted(name)
              + " cannot be a variable's name; it has at least one character, and neither '=' nor"
              + " NUL");
    }
    if (OF_THE_BROKER.contains(name)) {
      return setting.wrong(
          key + ": " + Described.clean(name) + " is set by the broker; use another name");
    }
    if (!(setting.value() instanceof String value)) {
      return setting.wrong(
          key
              + "."
              + Described.key(name)
              + " must be a string, not "
              + Described.value(setting.value())
              + advice(setting));
    }
    return value.indexOf('\0') < 0
        ? value
        : setting.wrong(
            key
                + "."
                + Described.key(name)
                + ": no variable can hold a NUL: "
                + Described.quoted(value));
  }

  private static String advice(Setting setting) {
    if (setting.value() instanceof TomlTable table && !table.isEmpty()) {
      String dotted = setting.name() + "." + table.keySet().iterator().next();
      return "; a name with a dot goes in quotes: " + Described.quoted(dotted);
    }
    return Described.quotesAdvice(setting.value());
  }
}
