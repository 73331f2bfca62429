package dev.holdfast.agent.adopt.lease;

/** Takes the place of java.util.logging.Level in JNA, as {@link Logger} does. */
public enum Level {
  SEVERE(System.Logger.Level.ERROR),
  WARNING(System.Logger.Level.WARNING),
  INFO(System.Logger.Level.INFO),
  CONFIG(System.Logger.Level.DEBUG),
  FINE(System.Logger.Level.DEBUG),
  FINER(System.Logger.Level.TRACE),
  FINEST(System.Logger.Level.TRACE);

  private final System.Logger.Level of;

  Level(System.Logger.Level of) {
    this.of = of;
  }

  System.Logger.Level of() {
    return of;
  }
}
