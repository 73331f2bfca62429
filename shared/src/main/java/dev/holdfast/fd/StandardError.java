package dev.holdfast.fd;

import com.sun.jna.Memory;

/**
 * The standard error stream, for a thread that must not block: a log that nobody reads must not
 * stop the broker. One thread.
 */
public final class StandardError {

  /** PIPE_BUF: a pipe that poll(2) calls writable takes this much without blocking (pipe(7)). */
  public static final int MOST = 4096;

  private final Memory bytes = new Memory(MOST);

  /** Writes at most {@link #MOST} bytes, if that does not block; false when it would. */
  public boolean write(byte[] text, int offset, int length) {
    if (!Polling.await(2, Libc.POLLOUT, java.time.Duration.ZERO)) {
      return false;
    }
    bytes.write(0, text, offset, length);
    long unused = Libc.write(2, bytes, length);
    return true;
  }
}
