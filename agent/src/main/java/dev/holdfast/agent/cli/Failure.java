package dev.holdfast.agent.cli;

import java.util.List;

/**
 * Ends the command: one line for the user, without the name of the command in front, and the exit
 * code. The line says what was attempted, on what, why not, and what to do. Below it can stand what
 * another program said, for which there is no one line.
 */
final class Failure extends Exception {

  private final ExitCode exitCode;
  private final String error;
  private final List<String> details;

  Failure(ExitCode exitCode, String message) {
    this(exitCode, "", message);
  }

  /**
   * @param error the full name of the broker's error, empty when it was not the broker who refused
   */
  Failure(ExitCode exitCode, String error, String message) {
    this(exitCode, error, message, List.of());
  }

  /**
   * @param details lines of another program, fit for a terminal
   */
  Failure(ExitCode exitCode, String error, String message, List<String> details) {
    super(message.replace('\n', ' '));
    this.exitCode = exitCode;
    this.error = error;
    this.details = details;
  }

  Failure(ExitCode exitCode, String message, Throwable cause) {
    this(exitCode, message);
    initCause(cause);
  }

  ExitCode exitCode() {
    return exitCode;
  }

  String error() {
    return error;
  }

  List<String> details() {
    return details;
  }

  /** The message is never null; {@link Exception} cannot say so. */
  String line() {
    String message = getMessage();
    return message == null ? "" : message;
  }
}
