package dev.holdfast.agent.demo;

import java.io.Serial;
import java.util.List;

/** The demonstration could not go on. What it had started is ended already. */
public class DemoException extends Exception {

  @Serial private static final long serialVersionUID = 1;

  private final List<String> details;

  DemoException(String message) {
    this(message, List.of());
  }

  /**
   * @param details lines that show why, such as the end of a program's log
   */
  DemoException(String message, List<String> details) {
    super(message);
    this.details = List.copyOf(details);
  }

  DemoException(String message, Throwable cause) {
    super(message + ": " + cause.getMessage(), cause);
    this.details = List.of();
  }

  public List<String> details() {
    return details;
  }

  /** The user, or a supervisor, asked for the end. */
  public static final class Interrupted extends DemoException {

    @Serial private static final long serialVersionUID = 1;

    Interrupted(String signal) {
      super("ended by SIG" + signal);
    }
  }
}
