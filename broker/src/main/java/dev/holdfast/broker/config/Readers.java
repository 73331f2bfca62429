package dev.holdfast.broker.config;

import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ReadyWhen;
import dev.holdfast.fd.Signals;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.spelling.NearestName;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Readers of single values. */
final class Readers {

  static final long LARGEST_UNSIGNED = 0xffff_ffffL;

  private static final String JOURNAL = "journal";

  /** The same on every architecture but MIPS, SPARC and Alpha. */
  private static final int SIGSTOP = 19;

  private static final Pattern MODE = Pattern.compile("0?[0-7]{3}");

  /** IFNAMSIZ, without the NUL; the kernel's dev_valid_name() forbids the rest. */
  private static final Pattern DEVICE = Pattern.compile("(?!\\.{1,2}$)[\\x21-\\x7e&&[^/:]]{1,15}");

  private Readers() {}

  static Reader<Integer> integer(int least, int most) {
    return setting ->
        setting.value() instanceof Long number && number >= least && number <= most
            ? Integer.valueOf(number.intValue())
            : setting.mustBe("an integer of " + least + " to " + most);
  }

  /** A number of 32 bits; above 2147483647 the int is negative, as the kernel's bits are. */
  static @Nullable Integer unsigned(Setting setting) {
    return setting.value() instanceof Long number && number >= 0 && number <= LARGEST_UNSIGNED
        ? Integer.valueOf(number.intValue())
        : setting.mustBe("an integer of 0 to " + LARGEST_UNSIGNED);
  }

  static @Nullable Boolean flag(Setting setting) {
    if (setting.value() instanceof Boolean flag) {
      return flag;
    }
    boolean quoted = setting.value() instanceof String text && text.matches("true|false");
    return setting.mustBe("true or false", quoted ? "; leave out the quotes" : "");
  }

  /**
   * Permissions as chmod has them. An integer is refused: TOML reads 0660 as an error, 660 as
   * decimal.
   */
  static @Nullable Integer mode(Setting setting) {
    return octal(setting, "0660");
  }

  /** Permissions that new files shall not have (umask(2)). */
  static @Nullable Integer umask(Setting setting) {
    return octal(setting, "0027");
  }

  private static @Nullable Integer octal(Setting setting, String example) {
    return setting.value() instanceof String text && MODE.matcher(text).matches()
        ? Integer.valueOf(text, 8)
        : setting.mustBe("a string of octal digits such as \"" + example + "\"");
  }

  static @Nullable String device(Setting setting) {
    return setting.value() instanceof String text && DEVICE.matcher(text).matches()
        ? text
        : setting.mustBe("the name of a network interface, 1 to 15 characters");
  }

  static @Nullable ListenSpec listenSpec(Setting setting) {
    if (!(setting.value() instanceof String text)) {
      boolean number = setting.value() instanceof Long;
      return setting.mustBe(
          "a string such as \"127.0.0.1:8080\"",
          number ? "; write \"" + setting.value() + "\"" : "");
    }
    try {
      return ListenSpec.parse(text);
    } catch (InvalidSpecException e) {
      return setting.wrong(Described.message(e));
    }
  }

  static @Nullable IdlePolicy idle(Setting setting) {
    return oneOf(setting, List.of(IdlePolicy.values()), IdlePolicy::word);
  }

  static @Nullable ReadyWhen ready(Setting setting) {
    return oneOf(setting, List.of(ReadyWhen.values()), ReadyWhen::word);
  }

  private static <T> @Nullable T oneOf(Setting setting, List<T> choices, Function<T, String> word) {
    List<String> words = choices.stream().map(word).toList();
    int chosen = setting.value() instanceof String text ? words.indexOf(text) : -1;
    if (chosen >= 0) {
      return choices.get(chosen);
    }
    List<String> quoted = words.stream().map(Described::quoted).toList();
    int last = quoted.size() - 1;
    return setting.mustBe(
        String.join(", ", quoted.subList(0, last)) + " or " + quoted.get(last),
        setting.value() instanceof String text ? NearestName.question(text, words) : "");
  }

  /** The number of a signal, which is written by its name or number. */
  static @Nullable Integer signal(Setting setting) {
    if (!(setting.value() instanceof String || setting.value() instanceof Long)) {
      return setting.mustBe("the name or number of a signal");
    }
    try {
      int number = Signals.number(setting.value().toString());
      return number != SIGSTOP
          ? number
          : setting.wrong(setting.name() + ": STOP halts a process and does not end it");
    } catch (IllegalArgumentException e) {
      return setting.wrong(setting.name() + ": " + Described.message(e));
    }
  }

  static @Nullable Output output(Setting setting) {
    if (JOURNAL.equals(setting.value())) {
      return new Output.Journal();
    }
    Path path = setting.value() instanceof String text ? path(text) : null;
    if (path != null && path.isAbsolute()) {
      return new Output.ToFile(path);
    }
    return setting.mustBe(
        "\"journal\" or an absolute path",
        setting.value() instanceof String text ? NearestName.question(text, List.of(JOURNAL)) : "");
  }

  static @Nullable Path absolutePath(Setting setting) {
    Path path = setting.value() instanceof String text ? path(text) : null;
    return path != null && path.isAbsolute() ? path : setting.mustBe("an absolute path");
  }

  static @Nullable UnixAddress unixAddress(Setting setting) {
    if (!(setting.value() instanceof String text) || !text.matches("(?s)[/@].+")) {
      return setting.mustBe("an absolute path, or '@' and a name of the abstract namespace");
    }
    try {
      return UnixAddress.parse(text);
    } catch (IllegalArgumentException e) {
      return setting.wrong(setting.name() + ": " + Described.message(e));
    }
  }

  /** Null for what the file system has no names for, such as a NUL. */
  static @Nullable Path path(String text) {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      return null;
    }
  }
}
