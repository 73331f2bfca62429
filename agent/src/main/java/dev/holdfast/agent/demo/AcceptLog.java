package dev.holdfast.agent.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * What a worker program writes with one write(2) each: {@code + ADDRESS:PORT} as soon as accept(2)
 * returned, {@code - ADDRESS:PORT} when it is done with that client. What a system call has written
 * survives SIGKILL.
 */
final class AcceptLog {

  private AcceptLog() {}

  /** The clients that were accepted and not finished; the ports of finished ones may come again. */
  static Set<String> unfinished(Path file) throws IOException {
    Set<String> open = new LinkedHashSet<>();
    if (!Files.exists(file)) {
      return open; // It never accepted.
    }
    // Line by line: there may be millions, and the command's heap is small.
    try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("+ ")) {
          open.add(line.substring(2));
        } else if (line.startsWith("- ")) {
          open.remove(line.substring(2));
        }
      }
    }
    return open;
  }
}
