package dev.holdfast.fd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Starts real programs for tests, and looks at them through /proc. */
final class Processes {

  private Processes() {}

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  static List<byte[]> list(String... texts) {
    List<byte[]> result = new ArrayList<>();
    for (String text : texts) {
      result.add(bytes(text));
    }
    return result;
  }

  static Spawn shell(String script) {
    return new Spawn(bytes("/bin/sh"), list("sh", "-c", script), list("PATH=/usr/bin:/bin"));
  }

  static Spawn cat() {
    return new Spawn(bytes("/bin/cat"), list("cat"), list());
  }

  /** A cat(1) that waits for input that does not come, and ends when this is closed. */
  record Waiting(Child child, OwnedFd input) implements AutoCloseable {

    /** Returns when it reads: it has no descriptor of exec or the loader open any more. */
    static Waiting start(Spawn spawn) throws IOException {
      Pipe.Ends input = Pipe.open();
      Pipe.Ends output = Pipe.open();
      try (OwnedFd echo = output.reader()) {
        Waiting waiting =
            new Waiting(start(spawn, input.reader(), output.writer()), input.writer());
        assertThat(input.writer().writeNow(ByteBuffer.wrap(bytes("x")))).isEqualTo(1);
        assertThat(echo.read(ByteBuffer.allocate(1))).isEqualTo(1);
        return waiting;
      } catch (IOException | RuntimeException e) {
        input.writer().close();
        throw e;
      }
    }

    private static Child start(Spawn spawn, OwnedFd movedInput, OwnedFd movedOutput)
        throws IOException {
      try (OwnedFd reader = movedInput;
          OwnedFd writer = movedOutput;
          OwnedFd nothing = Pipe.devNull()) {
        return spawn.place(reader, 0).place(writer, 1).place(nothing, 2).start();
      }
    }

    /** /proc/PID/status. */
    String status(String field) throws IOException {
      return statusOf("" + child.pid(), field);
    }

    /** proc_pid_stat(5), the fields after the name; the first is number 3. */
    String stat(int number) throws IOException {
      String line = Files.readString(Path.of("/proc/" + child.pid() + "/stat"));
      return line.substring(line.lastIndexOf(')') + 2).split(" ", -1)[number - 3];
    }

    /** From /proc/PID/limits: soft and hard. */
    String limit(String name) throws IOException {
      for (String line : Files.readAllLines(Path.of("/proc/" + child.pid() + "/limits"))) {
        if (line.startsWith(name)) {
          String[] words = line.substring(name.length()).strip().split(" +", -1);
          return words[0] + " " + words[1];
        }
      }
      throw new AssertionError("no " + name);
    }

    Map<Integer, String> descriptors() throws IOException {
      Map<Integer, String> result = new TreeMap<>();
      try (DirectoryStream<Path> all =
          Files.newDirectoryStream(Path.of("/proc/" + child.pid() + "/fd"))) {
        for (Path one : all) {
          result.put(
              Integer.valueOf(one.getFileName().toString()),
              Files.readSymbolicLink(one).toString());
        }
      }
      return result;
    }

    @Override
    public void close() {
      input.close();
      awaitEnd(child);
      child.reap();
      child.close();
    }
  }

  static String statusOf(String pid, String field) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
      if (line.startsWith(field + ":")) {
        return line.substring(field.length() + 1).strip().replace('\t', ' ');
      }
    }
    throw new AssertionError("no " + field + " in /proc/" + pid + "/status");
  }

  /**
   * The ids, capabilities and umask of all our threads, each different set once. Without threads
   * that made a child and are about to end: a join does not wait for the kernel's part of the end.
   */
  static Set<String> credentials() throws IOException {
    Set<String> result = new TreeSet<>();
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (Path task : tasks) {
        try {
          List<String> lines = Files.readAllLines(task.resolve("status"));
          if (!lines.get(0).endsWith("broker-spawn")) {
            lines.removeIf(line -> !line.matches("(Uid|Gid|Groups|Cap|NoNewPrivs|Umask).*"));
            result.add(String.join("\n", lines));
          }
        } catch (IOException e) {
          assertThat(task).doesNotExist();
        }
      }
    }
    return result;
  }

  /** Runs it to its end and returns what it wrote. */
  static String output(Spawn spawn) throws IOException {
    Pipe.Ends pipe = Pipe.open();
    try (OwnedFd reader = pipe.reader();
        Child child = startWriting(spawn, pipe.writer())) {
      String text = readAll(reader);
      awaitEnd(child);
      child.reap();
      return text;
    }
  }

  static Child startWriting(Spawn spawn, OwnedFd moved) throws IOException {
    try (OwnedFd writer = moved;
        OwnedFd nothing = Pipe.devNull()) {
      return spawn.place(nothing, 0).place(writer, 1).place(writer, 2).start();
    }
  }

  static String readAll(OwnedFd reader) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(64 * 1024);
    while (reader.read(text) >= 0) {}
    return new String(text.array(), 0, text.position(), UTF_8);
  }

  static void awaitEnd(Child child) {
    assertThat(Polling.await(child.fd().number(), Libc.POLLIN, null)).isTrue();
  }

  /** Runs it to its end. */
  static Child.Ended result(Spawn spawn) throws IOException {
    try (Child child = spawn.start()) {
      awaitEnd(child);
      Child.Ended ended = child.ended().orElseThrow();
      child.reap();
      return ended;
    }
  }

  /** Whether this process has a child, running or ended. */
  static boolean haveChildren() {
    try (com.sun.jna.Memory info = new com.sun.jna.Memory(ChildLibc.SIGINFO_SIZE)) {
      Children.waitFor(ChildLibc.P_ALL, 0, ChildLibc.WNOWAIT, info, "");
      return true;
    } catch (ErrnoException e) {
      assertThat(e.errnoName()).isEqualTo("ECHILD");
      return false;
    }
  }
}
