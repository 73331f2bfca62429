package dev.holdfast.agent.cli;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.ControlAddress;
import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where the broker listens: as the option says, else by the rule that all parts share. */
final class ControlSocket {

  private ControlSocket() {}

  static UnixAddress address(@Nullable String option, Map<String, String> environment)
      throws Failure {
    if (option != null) {
      return parse("--socket", option);
    }
    String variable = environment.get(ControlAddress.VARIABLE);
    if (variable != null && !variable.isEmpty()) {
      return parse(ControlAddress.VARIABLE, variable);
    }
    try {
      return ControlAddress.find();
    } catch (IOException | IllegalArgumentException e) {
      throw new Failure(ExitCode.NOT_PERMITTED, "find the broker's socket: " + e.getMessage(), e);
    }
  }

  private static UnixAddress parse(String source, String text) throws Failure {
    try {
      return UnixAddress.parse(text);
    } catch (IllegalArgumentException e) {
      throw new Failure(ExitCode.USAGE, "use the socket of " + source + ": " + e.getMessage(), e);
    }
  }
}
