package dev.holdfast.broker.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What /proc tells of a process from outside (proc(5)). */
final class ProcessFacts {
  private ProcessFacts() {}

  /** Voluntary context switches so far, by the thread's name and id. */
  static Map<String, Long> switches(long pid) throws IOException {
    Map<String, Long> all = new TreeMap<>();
    try (Stream<Path> threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
      for (Path thread : threads.toList()) {
        try {
          all.put(
              Files.readString(thread.resolve("comm")).strip() + " " + thread.getFileName(),
              field(thread.resolve("status"), "voluntary_ctxt_switches"));
        } catch (NoSuchFileException e) {
          // The thread has ended meanwhile.
        }
      }
    }
    return all;
  }

  /** What was added since then, without the threads that did not move. */
  static Map<String, Long> since(Map<String, Long> before, Map<String, Long> after) {
    Map<String, Long> grown = new TreeMap<>();
    after.forEach(
        (thread, count) -> {
          long more = count - before.getOrDefault(thread, 0L);
          if (more > 0) {
            grown.put(thread, more);
          }
        });
    return grown;
  }

  static double residentMebibytes(long pid) throws IOException {
    return field(Path.of("/proc/" + pid + "/status"), "VmRSS") / 1024.0;
  }

  private static long field(Path status, String name) throws IOException {
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith(name + ":"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
        .findFirst()
        .orElseThrow(() -> new IOException("no " + name + " in " + status));
  }
}
