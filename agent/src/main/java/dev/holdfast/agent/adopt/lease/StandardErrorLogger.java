package dev.holdfast.agent.adopt.lease;

import java.text.MessageFormat;
import java.util.ResourceBundle;
import org.jspecify.annotations.Nullable;

/**
 * What the library logs, on standard error. The program's own loggers are left alone: the first one
 * to ask for one decides which kind the whole program has, and that must not be the agent.
 */
public final class StandardErrorLogger implements System.Logger {

  private static final boolean DEBUG = System.getenv("HOLDFAST_DEBUG") != null;

  private final String name;

  private StandardErrorLogger(String name) {
    this.name = name;
  }

  /** Takes the place of System.getLogger in the library's classes when the agent loads them. */
  public static System.Logger of(String name) {
    return named(name);
  }

  static StandardErrorLogger named(String name) {
    return new StandardErrorLogger(name);
  }

  @Override
  public String getName() {
    return name;
  }

  @Override
  public boolean isLoggable(Level level) {
    return level.getSeverity() >= (DEBUG ? Level.DEBUG : Level.INFO).getSeverity();
  }

  @Override
  public void log(
      Level level, @Nullable ResourceBundle bundle, String message, @Nullable Throwable thrown) {
    if (isLoggable(level)) {
      say(thrown == null ? message : message + ": " + thrown);
      if (DEBUG && thrown != null) {
        thrown.printStackTrace();
      }
    }
  }

  @Override
  public void log(
      Level level, @Nullable ResourceBundle bundle, String format, @Nullable Object... values) {
    if (isLoggable(level)) {
      say(values == null || values.length == 0 ? format : MessageFormat.format(format, values));
    }
  }

  private static void say(String text) {
    System.err.println("holdfast-agent: " + text);
  }
}
