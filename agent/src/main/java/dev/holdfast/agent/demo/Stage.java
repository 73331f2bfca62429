package dev.holdfast.agent.demo;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The demonstration's own directory and processes. Whoever opens it closes it: then every process
 * has ended and the directory is gone, unless it is to be kept.
 */
final class Stage implements AutoCloseable {

  static final String LISTENER = "demo";

  /** What unix(7) has room for, and its terminating NUL. */
  private static final int LONGEST_SOCKET_PATH = 107;

  /** How long an end may take that was asked for, before SIGKILL. */
  private static final Duration ENDING = Duration.ofSeconds(5);

  private final DemoPlan plan;
  private final Path directory;
  private final Path socket;
  private final List<Child> workers = new ArrayList<>();
  private final List<Child> others = new ArrayList<>();
  private final Map<String, Integer> numbers = new TreeMap<>();

  private Stage(DemoPlan plan, Path directory) {
    this.plan = plan;
    this.directory = directory;
    this.socket = directory.resolve("control.sock");
  }

  static Stage open(DemoPlan plan) throws DemoException {
    Path temporary = plan.temporary();
    if (!Files.isDirectory(temporary) || !Files.isWritable(temporary)) {
      throw new DemoException(
          "make a directory in " + temporary + ": you cannot write there; set TMPDIR to another");
    }
    Stage stage;
    try {
      stage = new Stage(plan, Files.createTempDirectory(temporary.toRealPath(), "holdfast-demo-"));
    } catch (IOException e) {
      throw new DemoException("make a directory in " + temporary, e);
    }
    int length = stage.socket.toString().getBytes(StandardCharsets.UTF_8).length;
    if (length > LONGEST_SOCKET_PATH) {
      stage.delete();
      throw new DemoException(
          "make a control socket in "
              + temporary
              + ": its path would be longer than the kernel takes; set TMPDIR to a shorter one");
    }
    return stage;
  }

  /** The directory, if it will stay. */
  Optional<Path> kept() {
    return plan.keep() ? Optional.of(directory) : Optional.empty();
  }

  Path socket() {
    return socket;
  }

  /** Starts the broker, also again after it was killed; it does not answer yet. */
  Child startBroker() throws DemoException {
    Child broker =
        start(
            "holdfastd",
            List.of(
                plan.broker().toString(),
                "--socket",
                socket.toString(),
                "--state",
                directory.toString(),
                "--listen",
                LISTENER + "=127.0.0.1:0W"));
    others.add(broker);
    return broker;
  }

  /** Starts a JVM that takes the listener through the library. */
  Worker startJava() throws DemoException {
    String name = next("java");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx64m",
            "-XX:-UsePerfData",
            "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"));
    if (Runtime.version().feature() >= 24) {
      command.add("--enable-native-access=ALL-UNNAMED"); // or it warns about JNA
    }
    // Where the launcher found native libraries that need no unpacking, the worker finds them too.
    for (String property : System.getProperties().stringPropertyNames()) {
      if (property.startsWith("jna.") || property.startsWith("org.newsclub.")) {
        command.add("-D" + property + "=" + System.getProperty(property));
      }
    }
    command.addAll(List.of("-cp", classPath(), "dev.holdfast.agent.cli.EchoWorker"));
    command.addAll(List.of("--listener", LISTENER, "--name", name));
    Child child = start(name, command);
    workers.add(child);
    return new Worker(child, "JVM, by the library", null, true);
  }

  /** Starts a program that never heard of the broker, by {@code holdfast exec}. */
  Worker startProgram(Language.Interpreter interpreter) throws DemoException {
    Language language = interpreter.language();
    String name = next(language.word());
    Path acceptLog = directory.resolve(name + ".accepted");
    List<String> command =
        new ArrayList<>(List.of(plan.command().toString(), "exec", LISTENER, "--"));
    command.addAll(interpreter.command(directory, name, acceptLog));
    Child child = start(name, command);
    workers.add(child);
    return new Worker(
        child,
        interpreter.path().getFileName() + ", by holdfast exec",
        acceptLog,
        language.oneAtATime());
  }

  /** Starts {@code holdfast} with these words. */
  Child startCommand(String... words) throws DemoException {
    List<String> command = new ArrayList<>(List.of(plan.command().toString()));
    command.addAll(List.of(words));
    Child child = start("holdfast " + words[0], command);
    others.add(child);
    return child;
  }

  private Child start(String name, List<String> command) throws DemoException {
    return Child.start(name, command, socket, directory.resolve(name.replace(' ', '-') + ".log"));
  }

  private String next(String word) {
    return word + "-" + numbers.merge(word, 1, Integer::sum);
  }

  /** Ours, absolute: the jar which the launcher named, or directories and jars of a build. */
  private static String classPath() {
    List<String> absolute = new ArrayList<>();
    for (String element : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      absolute.add(Path.of(element).toAbsolutePath().toString());
    }
    return String.join(File.pathSeparator, absolute);
  }

  @Override
  public void close() throws DemoException {
    end(workers);
    end(others); // the broker after those who talk to it
    if (!plan.keep()) {
      delete();
    }
  }

  private static void end(List<Child> children) {
    children.forEach(Child::terminate);
    long deadline = System.nanoTime() + ENDING.toNanos();
    for (Child child : children) {
      if (!child.awaitExit(Duration.ofNanos(deadline - System.nanoTime()))) {
        child.killFamily();
      }
    }
  }

  private void delete() throws DemoException {
    // A broker that was killed leaves files where it would have removed them, in directories too.
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new DemoException("remove " + directory, e);
    }
  }
}
