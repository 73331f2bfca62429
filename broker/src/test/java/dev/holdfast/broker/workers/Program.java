package dev.holdfast.broker.workers;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.newsclub.net.unix.FileDescriptorCast;

/** A program that has a listener as its descriptors 0 and 3, as an unsuspecting one gets it. */
final class Program implements AutoCloseable {

  private final Process process;
  private final BufferedReader out;

  private Program(Process process) {
    this.process = process;
    this.out = process.inputReader();
  }

  static Program start(OwnedFd listener, String... command) throws IOException {
    return start(listener, Map.of(), command);
  }

  static Program start(OwnedFd listener, Map<String, String> environment, String... command)
      throws IOException {
    List<String> all = new ArrayList<>(List.of("/bin/sh", "-c", "exec 3<&0; exec \"$@\"", "sh"));
    all.addAll(List.of(command));
    ProcessBuilder builder = new ProcessBuilder(all);
    builder.environment().putAll(environment);
    // Not ours: what outlived the test would keep it open, and the build would wait for that.
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.redirectInput(
        FileDescriptorCast.unsafeUsing(listener.number()).as(ProcessBuilder.Redirect.class));
    return new Program(builder.start());
  }

  /** Python with {@code s}, the listener, and what is needed to serve. */
  static Program python(OwnedFd listener, String script) throws IOException {
    return start(listener, pythonCommand(script));
  }

  static String[] pythonCommand(String script) {
    String head = "import os, select, signal, socket, sys, time\ns = socket.socket(fileno=3)\n";
    return new String[] {"/usr/bin/python3", "-u", "-c", head + script};
  }

  int pid() {
    return (int) process.pid();
  }

  Pidfd pidfd() throws IOException {
    return Pidfd.open(pid());
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** The next line that it writes. */
  String line() throws IOException {
    String line = out.readLine();
    if (line == null) {
      throw new AssertionError("it has ended");
    }
    return line;
  }

  void signal(int number) {
    ProgramProcess.signal(pid(), number);
  }

  /** Waits for its end: the exit code, or 128 and the signal's number. */
  int awaitExit() throws InterruptedException {
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      throw new AssertionError("it does not end");
    }
    return process.exitValue();
  }

  boolean isStopped() {
    return states().anyMatch(state -> state == 'T');
  }

  /** The state letter of each thread of it and of all that it started. */
  private Stream<Character> states() {
    return Stream.concat(Stream.of(process.toHandle()), process.descendants())
        .flatMap(handle -> threadsOf(handle.pid()))
        .map(Program::state);
  }

  private static Stream<Path> threadsOf(long pid) {
    try (Stream<Path> threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
      return threads.toList().stream();
    } catch (IOException e) {
      return Stream.of();
    }
  }

  private static char state(Path thread) {
    try {
      return ProcessStat.parse(Files.readString(thread.resolve("stat"))).state();
    } catch (IOException e) {
      return 'X';
    }
  }

  void awaitState(char wanted) {
    Await.until(() -> "not " + wanted, () -> states().allMatch(state -> state == wanted));
  }

  @Override
  public void close() {
    List<ProcessHandle> started = process.descendants().toList();
    process.destroyForcibly(); // first: some replace those that end
    started.forEach(each -> ProgramProcess.signal((int) each.pid(), ProgramProcess.SIGKILL));
    process.onExit().orTimeout(20, TimeUnit.SECONDS).join();
  }
}
