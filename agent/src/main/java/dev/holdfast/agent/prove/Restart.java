package dev.holdfast.agent.prove;

import java.time.Duration;
import java.util.Locale;

/**
 * One restart, as it went.
 *
 * @param number from 1
 * @param began since the load began
 * @param took until the broker's last word of it
 * @param end how it ended
 * @param kills workers that did not finish in time and were killed
 * @param message what there is to say of it, empty when nothing
 */
record Restart(int number, Duration began, Duration took, End end, int kills, String message) {

  enum End {
    DONE,
    FAILED,
    /** This command was told to end; the broker goes on with it. */
    LEFT;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  boolean isDone() {
    return end == End.DONE;
  }
}
