package dev.holdfast.agent.prove;

import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** Asks for restarts of a service, one after the other. */
@FunctionalInterface
public interface Restarts {

  /** Asks for one; it goes on while its steps are read. */
  Run begin() throws IOException;

  /** A restart that is under way. Closing it does not stop the restart. */
  interface Run extends AutoCloseable {
    /**
     * The next step.
     *
     * @return empty when there was none in time, and after the last one
     * @throws VarlinkException when the broker refuses, or the restart failed
     */
    Optional<Step> next(Duration atMost) throws IOException, VarlinkException;

    /** Whether the last step was returned: it succeeded. */
    boolean ended();

    @Override
    void close();
  }

  /**
   * What the broker tells of.
   *
   * @param name as on the wire: begun, started, ready, draining, killed, gone, done
   */
  record Step(String name, String message) {
    /** A worker did not finish in time, and was made to. */
    boolean isKill() {
      return name.equals("killed");
    }
  }
}
