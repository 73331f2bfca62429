package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Map;

/** How the command ended, and what it said. */
record Ran(ExitCode code, String out, String err) {

  static Ran with(Map<String, String> environment, String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    ExitCode code =
        Main.run(
            arguments,
            new Surroundings(
                new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), environment));
    return new Ran(code, out.toString(UTF_8), err.toString(UTF_8));
  }

  static Ran with(FakeBroker broker, String... arguments) {
    return with(Map.of("HOLDFAST_SOCKET", broker.address()), arguments);
  }

  static Ran alone(String... arguments) {
    return with(Map.of("HOLDFAST_SOCKET", "@holdfast-nobody-is-here"), arguments);
  }
}
