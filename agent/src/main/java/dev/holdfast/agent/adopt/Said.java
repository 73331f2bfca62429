package dev.holdfast.agent.adopt;

import org.jspecify.annotations.Nullable;

/**
 * What the agent has to say, a line each on standard error. Not by a logger: the first one to ask
 * for a logger decides which kind the whole program has.
 */
final class Said {

  private static final boolean DEBUG = !isEmpty(System.getenv("HOLDFAST_DEBUG"));

  private Said() {}

  private static boolean isEmpty(@Nullable String text) {
    return text == null || text.isEmpty();
  }

  static void line(String text) {
    System.err.println("holdfast-agent: " + text);
  }

  static void debug(String text) {
    if (DEBUG) {
      line(text);
    }
  }

  /** A failure; its trace only for those who asked for it. */
  static void failure(String attempted, Throwable failure) {
    String message = failure.getMessage();
    line(attempted + ": " + (isEmpty(message) ? failure.toString() : message));
    if (DEBUG) {
      failure.printStackTrace();
    }
  }
}
