package dev.holdfast.broker.config;

import dev.holdfast.listener.ListenerName;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlArray;

/** Readers of arrays of strings: commands, and names of listeners. */
final class StringArrays {

  /** What a shell would split at its blanks and otherwise leave as it is. */
  private static final Pattern PLAIN_WORDS =
      Pattern.compile("[A-Za-z0-9_./:@%+,=-][\\w./:@%+,= -]*");

  private static final String SHELL = ", or [\"/bin/sh\", \"-c\", \"…\"] if a shell is to read it";

  private StringArrays() {}

  /** A program and its arguments. */
  static @Nullable List<String> command(Setting setting) {
    List<String> words = words(setting, SHELL);
    return words == null || !words.isEmpty()
        ? words
        : setting.wrong(setting.name() + " must not be empty; write for example [\"nginx\"]");
  }

  /** A command to put a program behind, or an empty array for none. */
  static @Nullable List<String> sandbox(Setting setting) {
    return words(setting, "");
  }

  private static @Nullable List<String> words(Setting setting, String alternative) {
    if (!(setting.value() instanceof TomlArray array)) {
      return setting.mustBe(
          "an array of strings",
          setting.value() instanceof String text ? advice(text) + alternative : "");
    }
    List<String> words = new ArrayList<>();
    for (Setting element : Setting.elements(setting, array)) {
      if (!(element.value() instanceof String word)) {
        element.wrong(
            setting.name()
                + " must hold strings, not "
                + Described.value(element.value())
                + Described.quotesAdvice(element.value()));
      } else if (word.indexOf('\0') >= 0) {
        element.wrong(
            setting.name() + ": no program can be given a NUL: " + Described.quoted(word));
      } else if (word.isEmpty() && words.isEmpty()) {
        element.wrong(setting.name() + " starts with the name of a program, not with \"\"");
      } else {
        words.add(word);
      }
    }
    return words.size() == array.size() ? words : null;
  }

  static @Nullable List<ListenerName> listenerNames(Setting setting) {
    if (!(setting.value() instanceof TomlArray array)) {
      boolean single = setting.value() instanceof String;
      return setting.mustBe(
          "an array of names of listeners",
          single ? "; write [" + Described.quoted((String) setting.value()) + "]" : "");
    }
    List<ListenerName> names = new ArrayList<>();
    for (Setting element : Setting.elements(setting, array)) {
      ListenerName name = listenerName(element);
      if (name != null && names.contains(name)) {
        element.wrong(setting.name() + " has " + Described.quoted(name.value()) + " twice");
      } else if (name != null) {
        names.add(name);
      }
    }
    return names.size() == array.size() ? names : null;
  }

  private static @Nullable ListenerName listenerName(Setting setting) {
    if (!(setting.value() instanceof String text)) {
      return setting.wrong(
          setting.name()
              + " must hold names of listeners, not "
              + Described.value(setting.value()));
    }
    try {
      return ListenerName.parse(text);
    } catch (IllegalArgumentException e) {
      return setting.wrong(setting.name() + ": " + Described.message(e));
    }
  }

  private static String advice(String text) {
    return PLAIN_WORDS.matcher(text).matches()
        ? Stream.of(text.trim().split(" +"))
            .map(Described::quoted)
            .collect(Collectors.joining(", ", "; write [", "]"))
        : "; write an array with one string for each argument";
  }
}
