package dev.holdfast.fd;

import java.io.IOException;

/**
 * The kernel said no: which call, on what, and its errno. The message reads {@code bind
 * tcp:0.0.0.0:443: EADDRINUSE (Address already in use)}.
 */
public final class ErrnoException extends IOException {

  private static final long serialVersionUID = 1;

  private final String call;
  private final String object;
  private final int errno;

  public ErrnoException(String call, String object, int errno) {
    super(
        call
            + (object.isEmpty() ? "" : " " + object)
            + ": "
            + Errno.name(errno)
            + " ("
            + Errno.text(errno)
            + ")");
    this.call = call;
    this.object = object;
    this.errno = errno;
  }

  public String call() {
    return call;
  }

  /** What the call was made on, as a user knows it: an endpoint, a path, a pid. */
  public String object() {
    return object;
  }

  public int errno() {
    return errno;
  }

  public String errnoName() {
    return Errno.name(errno);
  }

  public boolean is(int other) {
    return errno == other;
  }

  /** Reads errno of the call that has just failed on this thread. */
  static ErrnoException last(String call, String object) {
    return new ErrnoException(call, object, Libc.errno());
  }
}
