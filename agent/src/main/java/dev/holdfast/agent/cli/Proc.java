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
    return hasCapability("self", number);
  }

  /** The same of another process; false where it cannot be seen. */
  static boolean hasCapability(String process, int number) {
    for (String line : lines("/proc/" + process + "/status")) {
      if (line.startsWith("CapEff:")) {
        return (Long.parseUnsignedLong(line.substring(7).trim(), 16) >>> number & 1) == 1;
      }
    }
    return false;
  }

  /** What a link of a process points to; empty where we may not look. */
  static Optional<String> link(String path) {
    try {
      return Optional.of(Files.readSymbolicLink(Path.of(path)).toString());
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
