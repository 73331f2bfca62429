package dev.holdfast.agent.demo;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A process of the demonstration's own, with a file that takes all it writes. */
final class Child {

  private static final int LAST_LINES = 10;

  private final String name;
  private final Process process;
  private final Path log;

  private Child(String name, Process process, Path log) {
    this.name = name;
    this.process = process;
    this.log = log;
  }

  /**
   * Starts a program that finds the broker behind the socket, and nothing that a supervisor of ours
   * may have meant for us.
   */
  static Child start(String name, List<String> command, Path socket, Path log)
      throws DemoException {
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    for (String inherited :
        List.of("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "HOLDFAST_LEASE")) {
      environment.remove(inherited);
    }
    environment.put("HOLDFAST_SOCKET", socket.toString());
    builder.redirectInput(new File("/dev/null"));
    builder.redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    try {
      return new Child(name, builder.start(), log);
    } catch (IOException e) {
      throw new DemoException("start " + name + " (" + command.get(0) + ")", e);
    }
  }

  String name() {
    return name;
  }

  long pid() {
    return process.pid();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** As a shell counts it: 128 and the signal's number for a process that a signal ended. */
  int exitCode() {
    return process.exitValue();
  }

  void terminate() {
    process.destroy();
  }

  /** SIGKILL; returns when the process is gone, and the kernel has closed what it held. */
  void kill() {
    process.destroyForcibly();
    process.onExit().join();
  }

  /** As {@link #kill}, with all that it started. */
  void killFamily() {
    List<ProcessHandle> descendants;
    try (Stream<ProcessHandle> all = process.descendants()) {
      descendants = all.toList();
    }
    kill();
    // A launcher may be waiting for a program that it runs before it becomes the JVM.
    descendants.forEach(ProcessHandle::destroyForcibly);
  }

  /** Returns false when it is still there after this time. */
  boolean awaitExit(Duration atMost) {
    return process
        .onExit()
        .thenApply(gone -> true)
        .completeOnTimeout(false, Math.max(0, atMost.toMillis()), TimeUnit.MILLISECONDS)
        .join();
  }

  /** The failure that a user reads, with the end of what the program wrote. */
  DemoException failure(String what) {
    return new DemoException(name + " " + what, lastLines());
  }

  private List<String> lastLines() {
    try {
      List<String> lines = Files.readAllLines(log, StandardCharsets.ISO_8859_1);
      int from = Math.max(0, lines.size() - LAST_LINES);
      return lines.subList(from, lines.size()).stream().map(line -> name + ": " + line).toList();
    } catch (IOException e) {
      return List.of(name + " left no log: " + e.getMessage());
    }
  }
}
