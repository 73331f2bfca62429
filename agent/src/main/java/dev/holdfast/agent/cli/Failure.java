package dev.holdfast.agent.cli;

/**
 * Ends the command: one line for the user, without the name of the command in front, and the exit
 * code. The line says what was attempted, on what, why not, and what to do.
 */
final class Failure extends Exception {

  private final ExitCode exitCode;
  private final String error;

  Failure(ExitCode exitCode, String message) {
    this(exitCode, "", message);
  }

  /**
   * @param error the full name of the broker's error, empty when it was not the broker who refused
   */
  Failure(ExitCode exitCode, String error, String message) {
    super(message.replace('\n', ' '));
    this.exitCode = exitCode;
    this.error = error;
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

  /** The message is never null; {@link Exception} cannot say so. */
  String line() {
    String message = getMessage();
    return message == null ? "" : message;
  }
}
