package dev.holdfast.broker.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** The workers of one listener: started, seen accepting, and ended with the test. */
public final class Workers implements AutoCloseable {
  private final BrokerProcess broker;
  private final String listener;
  private final int port;
  private final List<ProgramProcess> accepting = new ArrayList<>();
  private final List<ProgramProcess> all = new ArrayList<>();

  private Workers(BrokerProcess broker, String listener, int port) {
    this.broker = broker;
    this.listener = listener;
    this.port = port;
  }

  public static Workers of(BrokerProcess broker, String listener) throws Exception {
    return new Workers(broker, listener, broker.port(listener));
  }

  public int port() {
    return port;
  }

  public List<ProgramProcess> accepting() {
    return List.copyOf(accepting);
  }

  /** Starts {@code holdfast exec LISTENER -- command}; does not wait. */
  public ProgramProcess exec(String name, String... command) throws IOException {
    return exec(name, List.of(), command);
  }

  public ProgramProcess exec(String name, List<String> options, String... command)
      throws IOException {
    List<String> words = new ArrayList<>(List.of(Checkout.command().toString(), "exec"));
    words.addAll(options);
    words.addAll(List.of(listener, "--"));
    words.addAll(Arrays.asList(command));
    return launch(name, words, Map.of());
  }

  /** Starts a program that finds the broker by itself; does not wait. */
  public ProgramProcess launch(String name, List<String> command, Map<String, String> environment)
      throws IOException {
    Map<String, String> whole = new java.util.HashMap<>(environment);
    whole.put("HOLDFAST_SOCKET", broker.socket().toString());
    ProgramProcess worker = ProgramProcess.start(name, command, whole);
    all.add(worker);
    return worker;
  }

  /**
   * Waits until this worker is seen to answer. The others are stopped meanwhile: which of several
   * gets a connection is the kernel's choice, and it may choose the same one for ever.
   */
  public ProgramProcess awaitAccepting(ProgramProcess worker) throws IOException {
    accepting.forEach(ProgramProcess::freeze);
    try {
      Probe answer = probeWhileAlive(worker);
      assertThat(worker.hasInFamily(answer.pid()))
          .as("%s answered, and %s was waited for", answer, worker)
          .isTrue();
    } finally {
      accepting.forEach(ProgramProcess::thaw);
    }
    accepting.add(worker);
    return worker;
  }

  /** The connection waits in the queue until the worker has started; this waits for both. */
  private Probe probeWhileAlive(ProgramProcess worker) throws IOException {
    try {
      return Probe.http(port);
    } catch (IOException e) {
      throw new AssertionError(
          "no answer by " + worker + ", alive: " + worker.isAlive() + "\n" + worker.written(), e);
    }
  }

  public ProgramProcess start(String name, String... command) throws IOException {
    return awaitAccepting(exec(name, command));
  }

  /** Kills it with -9. */
  public void kill(ProgramProcess worker) {
    accepting.remove(worker);
    worker.kill();
  }

  /** Asks it to end, and waits for that. */
  public void retire(ProgramProcess worker) {
    accepting.remove(worker);
    worker.signal(ProgramProcess.SIGTERM);
    worker.awaitExit();
  }

  @Override
  public void close() {
    all.forEach(ProgramProcess::close);
  }

  /** A script of the tests' resources, as a file. */
  public static Path script(String name, Path directory) throws IOException {
    try (var stream = Workers.class.getResourceAsStream("/dev/holdfast/broker/workers/" + name)) {
      assertThat(stream).as("resource %s", name).isNotNull();
      Path file = directory.resolve(name);
      Files.write(file, stream.readAllBytes());
      return file;
    }
  }

  /** Compiles a C source of the tests' resources. */
  public static Path compiled(String name, Path directory) throws IOException {
    Path source = script(name + ".c", directory);
    Path program = directory.resolve(name);
    ProgramProcess compiler =
        ProgramProcess.start(
            "gcc",
            List.of(
                Checkout.installed("gcc", "gcc libc6-dev"),
                "-O1",
                "-Wall",
                "-o",
                program.toString(),
                source.toString()),
            Map.of());
    assertThat(compiler.awaitEnd()).as("gcc %s: %s", source, compiler.written()).isZero();
    return program;
  }
}
