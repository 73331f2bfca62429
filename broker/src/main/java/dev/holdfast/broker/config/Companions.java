package dev.holdfast.broker.config;

import dev.holdfast.broker.core.Companion;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Reads what Unix socket stands beside a TCP listener. */
final class Companions {

  /** Names the directory of companions, as it does for kdb+; set and empty, it says none. */
  static final String VARIABLE = "QUDSPATH";

  private Companions() {}

  static @Nullable Companion read(Setting setting) {
    if (setting.value() instanceof String text) {
      return inDirectory(setting, text, "");
    }
    if (!(setting.value() instanceof Boolean wanted)) {
      return setting.mustBe("true, false, or a string with a directory");
    }
    if (!wanted) {
      return new Companion.None();
    }
    String directory = setting.surroundings().variable(VARIABLE).orElse(null);
    return directory == null
        ? new Companion.AbstractName()
        : inDirectory(setting, directory, " of " + VARIABLE);
  }

  private static @Nullable Companion inDirectory(Setting setting, String text, String whose) {
    if (text.isEmpty()) {
      return new Companion.None();
    }
    String shown = setting.name() + ": " + Described.quoted(text) + whose;
    Path directory = Readers.path(text);
    if (directory == null || !directory.isAbsolute()) {
      return setting.wrong(shown + " is not an absolute path");
    }
    return Files.isDirectory(directory)
        ? new Companion.InDirectory(directory)
        : setting.wrong(shown + " is not a directory; create it, or name another");
  }
}
