package dev.holdfast.agent.adopt.lease;

import org.jspecify.annotations.Nullable;

/**
 * Takes the place of java.util.logging.Logger in JNA when the agent loads it. The first call of the
 * JDK's would make the log manager of the whole program, before the program has said which; and a
 * runtime image may have no java.logging.
 */
public final class Logger {

  private final StandardErrorLogger to;

  private Logger(StandardErrorLogger to) {
    this.to = to;
  }

  /** As in the JDK's. */
  public static Logger getLogger(String name) {
    return new Logger(StandardErrorLogger.named(name));
  }

  public boolean isLoggable(Level level) {
    return to.isLoggable(level.of());
  }

  public void log(Level level, String message) {
    to.log(level.of(), message);
  }

  public void log(Level level, String format, @Nullable Object value) {
    to.log(level.of(), format, value);
  }

  public void log(Level level, String format, @Nullable Object[] values) {
    to.log(level.of(), format, values);
  }

  public void log(Level level, String message, @Nullable Throwable thrown) {
    to.log(level.of(), message, thrown);
  }
}
