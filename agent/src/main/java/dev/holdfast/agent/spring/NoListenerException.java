package dev.holdfast.agent.spring;

import java.io.IOException;

/** The application cannot start, since it has no listener to serve on; the message says why. */
final class NoListenerException extends RuntimeException {
  private static final long serialVersionUID = 1;

  NoListenerException(String attempt, IOException cause) {
    super(attempt + ": " + cause.getMessage(), cause);
  }

  NoListenerException(String message) {
    super(message);
  }
}
