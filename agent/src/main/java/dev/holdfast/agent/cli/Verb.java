package dev.holdfast.agent.cli;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * One verb of the command: its options are fields that the parser fills, {@link #run} does it. An
 * object serves one run.
 */
abstract class Verb {

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description =
          "The broker's control socket, /path or @name (default: $$HOLDFAST_SOCKET; else"
              + " /run/holdfast/holdfast.sock as root, or below $$XDG_RUNTIME_DIR).")
  @Nullable String socket;

  @Option(names = "--json", description = "Print JSON, one object a line; see below.")
  boolean json;

  @Option(names = "--help", usageHelp = true, description = "Print this help.")
  boolean help;

  /**
   * Does it.
   *
   * @throws Failure with the line and the exit code for the user
   * @throws VarlinkException when the broker refused; {@link WireErrors} has the words
   * @throws IOException when the connection broke
   */
  abstract ExitCode run(Surroundings surroundings) throws Failure, IOException, VarlinkException;

  /** What was asked for, as an error message begins: {@code close web}. */
  abstract String attempted();

  final UnixAddress address(Surroundings surroundings) throws Failure {
    return ControlSocket.address(socket, surroundings.environment());
  }

  final Broker connect(Surroundings surroundings) throws Failure {
    return Broker.connect(address(surroundings), attempted());
  }
}
