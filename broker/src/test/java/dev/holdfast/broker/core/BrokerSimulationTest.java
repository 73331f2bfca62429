package dev.holdfast.broker.core;

import java.security.SecureRandom;
import org.junit.jupiter.api.Test;

/**
 * Lives of a broker in memory. A failure names its seed; {@code -Dholdfast.seed=N} plays it again.
 */
class BrokerSimulationTest {

  private static final int LIFE = 5_000;

  @Test
  void livesOfABrokerKeepWhatMustHold() {
    Long given = Long.getLong("holdfast.seed");
    long steps = Boolean.getBoolean("holdfast.proof") ? 5_000_000 : 100_000;
    long seed = given == null ? new SecureRandom().nextLong() : given;
    long began = System.nanoTime();
    // The seed of each life follows from the one before, so that every life can be the first.
    for (long done = 0; done < steps; done += LIFE, seed++) {
      try {
        new Simulation(seed).run(LIFE);
      } catch (AssertionError e) {
        throw new AssertionError("-Dholdfast.seed=" + seed + ": " + e.getMessage(), e);
      }
    }
    long millis = (System.nanoTime() - began) / 1_000_000;
    System.out.printf(
        "simulated %d steps in %d ms; the last life began with -Dholdfast.seed=%d%n",
        steps, millis, seed - 1);
  }
}
