package dev.holdfast.broker.config;

import dev.holdfast.broker.core.Principal;
import dev.holdfast.broker.core.WrittenPrincipal;
import dev.holdfast.spelling.NearestName;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlArray;

/** Readers of users and groups: names become numbers here, since names can be re-pointed later. */
final class Principals {

  private static final String FORMS =
      "\"user:NAME\", \"uid:NUMBER\", \"group:NAME\", \"gid:NUMBER\" or \"all\"";
  private static final List<String> WORDS =
      Arrays.stream(WrittenPrincipal.Form.values()).map(WrittenPrincipal.Form::word).toList();

  private Principals() {}

  /** An array of them; each element that is wrong is reported where it stands. */
  static @Nullable List<Principal> list(Setting setting) {
    if (!(setting.value() instanceof TomlArray array)) {
      boolean single = setting.value() instanceof String;
      return setting.mustBe(
          "an array of " + FORMS,
          single ? "; write [" + Described.quoted((String) setting.value()) + "]" : "");
    }
    List<Principal> principals = new ArrayList<>();
    for (Setting element : Setting.elements(setting, array)) {
      Principal principal = one(element);
      if (principal != null) {
        principals.add(principal);
      }
    }
    return principals;
  }

  /** The owner of a path: a name, or a number. */
  static @Nullable Integer owner(Setting setting) {
    return account(setting, "user", setting.surroundings()::uid);
  }

  /** The group of a path: a name, or a number. */
  static @Nullable Integer group(Setting setting) {
    return account(setting, "group", setting.surroundings()::gid);
  }

  private static @Nullable Principal one(Setting setting) {
    if (!(setting.value() instanceof String text)) {
      return setting.wrong(
          setting.name() + " must hold " + FORMS + ", not " + Described.value(setting.value()));
    }
    Surroundings host = setting.surroundings();
    Principal principal =
        WrittenPrincipal.parse(text)
            .flatMap(written -> written.resolve(host::uid, host::gid))
            .orElse(null);
    return principal == null ? wrong(setting, text) : principal;
  }

  private static @Nullable Principal wrong(Setting setting, String text) {
    int colon = text.indexOf(':');
    String rest = text.substring(colon + 1);
    String word = colon < 0 ? "" : text.substring(0, colon);
    return switch (word) {
      case "user", "group" -> noSuch(setting, word, rest);
      case "uid", "gid" -> noNumber(setting, rest);
      default ->
          setting.wrong(
              setting.name()
                  + " must hold "
                  + FORMS
                  + ", not "
                  + Described.value(text)
                  + advice(text, colon));
    };
  }

  private static String advice(String text, int colon) {
    if (colon < 0) {
      return NearestName.among(text, WORDS).filter("all"::equals).isPresent()
          ? "; did you mean \"all\"?"
          : "; did you mean " + Described.quoted("user:" + text) + "?";
    }
    return NearestName.among(text.substring(0, colon), WORDS)
        .map(word -> word.equals("all") ? word : word + text.substring(colon))
        .map(meant -> "; did you mean " + Described.quoted(meant) + "?")
        .orElse("");
  }

  private static @Nullable Integer account(
      Setting setting, String what, Function<String, OptionalInt> database) {
    if (setting.value() instanceof Long number) {
      return number(setting, number.toString());
    }
    return setting.value() instanceof String name
        ? named(setting, what, name, database)
        : setting.mustBe("the name or number of a " + what);
  }

  private static @Nullable Integer named(
      Setting setting, String what, String name, Function<String, OptionalInt> database) {
    // getpwnam(3) reads up to a NUL, and would find root in "root\0x".
    OptionalInt number = name.indexOf('\0') < 0 ? database.apply(name) : OptionalInt.empty();
    return number.isPresent() ? Integer.valueOf(number.getAsInt()) : noSuch(setting, what, name);
  }

  /** A uid or gid. */
  static @Nullable Integer number(Setting setting, String digits) {
    OptionalInt number = WrittenPrincipal.number(digits);
    return number.isPresent() ? Integer.valueOf(number.getAsInt()) : noNumber(setting, digits);
  }

  @SuppressWarnings("TypeParameterUnusedInFormals") // null, which is all they return
  static <T> @Nullable T noSuch(Setting setting, String what, String name) {
    return setting.wrong(
        setting.name() + ": this host has no " + what + " " + Described.quoted(name));
  }

  @SuppressWarnings("TypeParameterUnusedInFormals")
  private static <T> @Nullable T noNumber(Setting setting, String digits) {
    return setting.wrong(
        setting.name()
            + ": "
            + Described.quoted(digits)
            + " is not a number of 0 to "
            + (Readers.LARGEST_UNSIGNED - 1));
  }
}
