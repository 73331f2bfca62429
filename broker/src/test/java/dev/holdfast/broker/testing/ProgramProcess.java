package dev.holdfast.broker.testing;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/** A program that was started by the tests, and what it wrote. */
public final class ProgramProcess implements AutoCloseable {
  public static final int SIGHUP = 1;
  public static final int SIGKILL = 9;
  public static final int SIGTERM = 15;
  public static final int SIGCONT = 18;
  public static final int SIGSTOP = 19;

  private static final long PATIENCE_SECONDS = 30;

  private final String title;
  private final Process process;
  private final Output out;
  private final Output err;

  private ProgramProcess(String title, Process process) {
    this.title = title;
    this.process = process;
    this.out = Output.read(process.getInputStream(), title + " out");
    this.err = Output.read(process.getErrorStream(), title + " err");
  }

  /** Starts the command with nothing to read. An empty value takes a variable away. */
  public static ProgramProcess start(
      String title, List<String> command, Map<String, String> environment) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectInput(new java.io.File("/dev/null"));
    builder.environment().put("JAVA_HOME", Checkout.JAVA_HOME.toString());
    for (String inherited : List.of("NOTIFY_SOCKET", "LISTEN_FDS", "HOLDFAST_SOCKET")) {
      builder.environment().remove(inherited);
    }
    environment.forEach(
        (name, value) -> {
          if (value.isEmpty()) {
            builder.environment().remove(name);
          } else {
            builder.environment().put(name, value);
          }
        });
    return new ProgramProcess(title, builder.start());
  }

  /** What the test calls it. */
  public String title() {
    return title;
  }

  public int pid() {
    return (int) process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  public List<String> outLines() {
    return out.lines();
  }

  public List<String> errLines() {
    return err.lines();
  }

  public void signal(int number) {
    signal(pid(), number);
  }

  /** Sends a signal, to a process that may be gone already. */
  public static void signal(int pid, int number) {
    try (Pidfd target = Pidfd.open(pid)) {
      target.signal(number);
    } catch (ErrnoException e) {
      if (!e.getMessage().contains("ESRCH")) {
        throw new AssertionError("signal " + number + " to pid " + pid, e);
      }
    }
  }

  /** Kills it and all that it started, and waits for its end. */
  public void kill() {
    List<ProcessHandle> all = family();
    all.forEach(each -> signal((int) each.pid(), SIGKILL));
    awaitExit();
  }

  /** Stops it and all that it started, until {@link #thaw}. Returns when none of them runs. */
  public void freeze() {
    for (ProcessHandle each : family()) {
      signal((int) each.pid(), SIGSTOP);
      Await.until(() -> title + " did not stop", () -> isStopped(each));
    }
  }

  public void thaw() {
    family().forEach(each -> signal((int) each.pid(), SIGCONT));
  }

  /** Each thread stops by itself, a little later. */
  private static boolean isStopped(ProcessHandle handle) {
    try (Stream<Path> threads = Files.list(Path.of("/proc/" + handle.pid() + "/task"))) {
      for (Path thread : threads.toList()) {
        String stat = Files.readString(thread.resolve("stat"));
        if ("TXZ".indexOf(stat.charAt(stat.lastIndexOf(')') + 2)) < 0) {
          return false;
        }
      }
      return true;
    } catch (IOException e) {
      return !handle.isAlive();
    }
  }

  /** Whether the process is this one, or was started by it or its children. */
  public boolean hasInFamily(long pid) {
    return family().stream().anyMatch(each -> each.pid() == pid);
  }

  public List<ProcessHandle> family() {
    return Stream.concat(Stream.of(process.toHandle()), process.descendants()).toList();
  }

  /** Waits for the end and for all output; returns the exit code. */
  public int awaitExit() {
    try {
      process.onExit().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      return process.exitValue();
    } catch (TimeoutException e) {
      throw new AssertionError(title + " does not end; it wrote:\n" + written(), e);
    } catch (ExecutionException e) {
      throw new AssertionError(title, e);
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted while " + title + " ran; it wrote:\n" + written(), e);
    }
  }

  /** As {@link #awaitExit}, and both outputs are whole. */
  public int awaitEnd() {
    int code = awaitExit();
    out.awaitEnd();
    err.awaitEnd();
    return code;
  }

  public CompletableFuture<Process> onExit() {
    return process.onExit();
  }

  /** All that it wrote so far, for messages. */
  public String written() {
    return String.join("\n", outLines())
        + "\n--- standard error:\n"
        + String.join("\n", errLines());
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      kill();
    }
  }

  @Override
  public String toString() {
    return title + " (pid " + pid() + ")";
  }

  /** One stream, read to its end by a thread of its own. */
  private static final class Output {
    private final List<String> lines = new ArrayList<>(); // guarded by itself
    private final CompletableFuture<Void> end = new CompletableFuture<>();

    static Output read(InputStream stream, String name) {
      Output output = new Output();
      Thread reader = new Thread(() -> output.run(stream), name);
      reader.setDaemon(true);
      reader.start();
      return output;
    }

    private void run(InputStream stream) {
      try (BufferedReader reader =
          new BufferedReader(new InputStreamReader(stream, StandardCharsets.ISO_8859_1))) {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          synchronized (lines) {
            lines.add(line);
          }
        }
      } catch (IOException e) {
        synchronized (lines) {
          lines.add("(reading ended: " + e.getMessage() + ")");
        }
      } finally {
        end.complete(null);
      }
    }

    List<String> lines() {
      synchronized (lines) {
        return List.copyOf(lines);
      }
    }

    void awaitEnd() {
      end.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
    }
  }
}
