package dev.holdfast.agent.demo;

import dev.holdfast.fd.Signals;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Ctrl-C and its like. The signal is only noted, on a thread of the JVM; the thread that directs
 * the demonstration finds it at its next pause, and unwinds past everything it has to end.
 */
final class Interruption {

  private final CompletableFuture<String> signal = new CompletableFuture<>();

  /** From now on these signals do not end the process. */
  static Interruption onSignals() {
    Interruption interruption = new Interruption();
    for (String name : new String[] {"INT", "TERM", "HUP"}) {
      Signals.onSignal(name, interruption.signal::complete);
    }
    return interruption;
  }

  /** Lets time go by, until the next look at what has no event that could be waited for. */
  void pause(Duration atMost) throws DemoException.Interrupted {
    try {
      throw new DemoException.Interrupted(signal.get(atMost.toNanos(), TimeUnit.NANOSECONDS));
    } catch (TimeoutException e) {
      // No signal, which is the rule.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DemoException.Interrupted("INT");
    } catch (ExecutionException e) {
      throw new IllegalStateException("nothing fails this future", e);
    }
  }
}
