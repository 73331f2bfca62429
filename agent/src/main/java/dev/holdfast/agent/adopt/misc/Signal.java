package dev.holdfast.agent.adopt.misc;

/** Stands in for {@code jdk.internal.misc.Signal}. */
final class Signal {
  private Signal() {}

  /** Called on a thread of its own for each signal. */
  interface Handler {
    void handle(Signal signal);
  }
}
