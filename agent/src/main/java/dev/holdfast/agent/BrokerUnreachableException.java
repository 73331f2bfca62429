package dev.holdfast.agent;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.UnixAddress;
import java.io.IOException;

/** No connection to the broker could be made; the cause has the errno. */
public final class BrokerUnreachableException extends IOException {
  private static final long serialVersionUID = 1;

  BrokerUnreachableException(UnixAddress address, ErrnoException cause) {
    super(cause.getMessage() + ". " + advice(address, cause.errno()), cause);
  }

  private static String advice(UnixAddress address, int errno) {
    return switch (errno) {
      case Errno.ENOENT, Errno.ECONNREFUSED ->
          "holdfastd is not running there: start it with \"holdfastd --socket "
              + address
              + "\", or name its socket in HOLDFAST_SOCKET";
      case Errno.EACCES, Errno.EPERM ->
          "This user may not reach the socket: ask its owner, or name another in HOLDFAST_SOCKET";
      case Errno.EAGAIN -> "The broker has too many connections waiting: try again";
      default -> "Name the socket of holdfastd in HOLDFAST_SOCKET";
    };
  }
}
