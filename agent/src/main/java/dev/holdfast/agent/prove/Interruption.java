package dev.holdfast.agent.prove;

import dev.holdfast.fd.Signals;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Ctrl-C and its like. The signal is only noted, on a thread of the JVM; the thread that directs
 * the proof finds it at its next pause.
 */
public final class Interruption {

  private final CompletableFuture<String> signal = new CompletableFuture<>();

  /** None, until {@link #interrupt}. */
  public Interruption() {}

  /**
   * From now on these signals do not end the process: to be called once, by a command, which then
   * ends within seconds of the first.
   */
  public static Interruption onSignals() {
    Interruption interruption = new Interruption();
    for (String name : new String[] {"INT", "TERM", "HUP"}) {
      Signals.onSignal(name, interruption.signal::complete);
    }
    return interruption;
  }

  /** Asks for the end, in the name of a signal; false when that was done before. */
  public boolean interrupt(String name) {
    return signal.complete(name);
  }

  Optional<String> signal() {
    return Optional.ofNullable(signal.getNow(null));
  }

  /** Lets time go by; true when a signal came, before or meanwhile. */
  boolean pause(Duration atMost) {
    try {
      signal.get(Math.max(0, atMost.toNanos()), TimeUnit.NANOSECONDS);
      return true;
    } catch (TimeoutException e) {
      return false; // No signal, which is the rule.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      interrupt("INT");
      return true;
    } catch (ExecutionException e) {
      throw new IllegalStateException("nothing fails this future", e);
    }
  }
}
