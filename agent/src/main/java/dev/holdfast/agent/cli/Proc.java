package dev.holdfast.agent.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Reads the kernel's own files; what cannot be read counts as not there. */
final class Proc {

  private Proc() {}

  static List<String> lines(String path) {
    try {
      return Files.readAllLines(Path.of(path));
    } catch (IOException e) {
      return List.of();
    }
  }

  /** The first line of a file with one value. */
  static Optional<String> value(String path) {
    List<String> lines = lines(path);
    return lines.isEmpty() ? Optional.empty() : Optional.of(lines.get(0).trim());
  }

  /** The number in a file with one value; the other where there is none. */
  static long number(String path, long otherwise) {
    try {
      return value(path).map(Long::parseLong).orElse(otherwise);
    } catch (NumberFormatException e) {
      return otherwise;
    }
  }

  /** Whether this process has a capability (capabilities(7)), by its number, in force. */
  static boolean hasCapability(int number) {
    for (String line : lines("/proc/self/status")) {
      if (line.startsWith("CapEff:")) {
        return (Long.parseUnsignedLong(line.substring(7).trim(), 16) >>> number & 1) == 1;
      }
    }
    return false;
  }
}
