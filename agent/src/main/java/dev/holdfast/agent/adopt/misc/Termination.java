package dev.holdfast.agent.adopt.misc;

/** What the JVM calls when a signal comes that asks it to end. */
public final class Termination implements Signal.Handler {

  private final Runnable asked;

  public Termination(Runnable asked) {
    this.asked = asked;
  }

  @Override
  public void handle(Signal signal) {
    asked.run();
  }
}
