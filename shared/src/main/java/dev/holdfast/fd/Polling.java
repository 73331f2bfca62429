package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** poll(2) on one descriptor, for callers that wait on nothing else. */
final class Polling {

  private Polling() {}

  /**
   * Waits until one of the events, an error or a hang-up shows; false when the time is over. EINTR
   * goes on waiting for the rest of the time.
   */
  static boolean await(int fd, short events, @Nullable Duration atMost) {
    long deadline = atMost == null ? 0 : System.nanoTime() + atMost.toNanos();
    try (Memory row = new Memory(8)) {
      while (true) {
        row.setInt(0, fd);
        row.setShort(4, events);
        row.setShort(6, (short) 0);
        int millis = atMost == null ? -1 : Waits.millis(Math.max(0, deadline - System.nanoTime()));
        int ready = Libc.poll(row, 1, millis);
        if (ready > 0) {
          return true;
        }
        if (ready == 0 && atMost != null && System.nanoTime() >= deadline) {
          return false;
        }
        if (ready < 0 && Libc.errno() != Errno.EINTR) {
          throw new IllegalStateException(
              "poll descriptor " + fd + ": " + Errno.name(Libc.errno()));
        }
      }
    }
  }
}
