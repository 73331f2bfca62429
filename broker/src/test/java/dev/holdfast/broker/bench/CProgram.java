package dev.holdfast.broker.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Checkout;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A yardstick or a load in C, from the sources beside these tests. */
final class CProgram implements AutoCloseable {
  private final Path program;

  private CProgram(Path program) {
    this.program = program;
  }

  static CProgram compile(String name) throws IOException, InterruptedException {
    Path program = Files.createTempFile("holdfast-" + name, "");
    Process compiler =
        new ProcessBuilder(
                Checkout.installed("gcc", "gcc libc6-dev"),
                "-O2",
                "-Wall",
                "-o",
                program.toString(),
                Checkout.cSource(name + ".c").toString())
            .inheritIO()
            .start();
    assertThat(compiler.waitFor()).as("gcc " + name).isZero();
    return new CProgram(program);
  }

  String path() {
    return program.toString();
  }

  /** Runs it to its end; the numbers of the one line that it writes. */
  double[] run(Object... arguments) throws IOException, InterruptedException {
    Process process = builder(arguments).start();
    process.getOutputStream().close();
    String line = process.inputReader(StandardCharsets.UTF_8).readLine();
    assertThat(process.waitFor()).as("%s %s", program, Arrays.asList(arguments)).isZero();
    return Arrays.stream(line.split(" ", -1)).mapToDouble(Double::parseDouble).toArray();
  }

  /** Starts it and waits for its first line; it ends with its standard input, or when closed. */
  Running start(Object... arguments) throws IOException {
    Process process = builder(arguments).start();
    BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
    assertThat(out.readLine()).as("%s %s", program, Arrays.asList(arguments)).isNotNull();
    return new Running(process);
  }

  private ProcessBuilder builder(Object... arguments) {
    List<String> command = new ArrayList<>(List.of(path()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(program);
  }

  /** One that runs until it is closed. */
  record Running(Process process) implements AutoCloseable {
    @Override
    public void close() {
      process.destroyForcibly().onExit().orTimeout(10, TimeUnit.SECONDS).join();
    }
  }
}
