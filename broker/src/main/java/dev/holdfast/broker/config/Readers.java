package dev.holdfast.broker.config;

import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.spelling.NearestName;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Readers of single values. */
final class Readers {

  static final long LARGEST_UNSIGNED = 0xffff_ffffL;

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
    return setting.value() instanceof String text && MODE.matcher(text).matches()
        ? Integer.valueOf(text, 8)
        : setting.mustBe("a string of octal digits such as \"0660\"");
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
    for (IdlePolicy policy : IdlePolicy.values()) {
      if (policy.word().equals(setting.value())) {
        return policy;
      }
    }
    if ("spawn".equals(setting.value())) {
      return setting.wrong(
          "idle = \"spawn\" comes with services, which are not built yet; write \"queue\" or"
              + " \"refuse\"");
    }
    List<String> words = Arrays.stream(IdlePolicy.values()).map(IdlePolicy::word).toList();
    return setting.mustBe(
        "\"" + String.join("\" or \"", words) + "\"",
        setting.value() instanceof String text ? NearestName.question(text, words) : "");
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
