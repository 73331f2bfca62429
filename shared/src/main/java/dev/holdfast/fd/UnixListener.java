package dev.holdfast.fd;

import java.util.Optional;

/**
 * A listening Unix stream socket whose connections come as {@link UnixSocket}. Owns its descriptor,
 * not the path.
 */
public final class UnixListener implements AutoCloseable {

  private final OwnedFd fd;
  private final String name;

  private UnixListener(OwnedFd fd, String name) {
    this.fd = fd;
    this.name = name;
  }

  /**
   * Makes the socket at the address and listens, non-blocking.
   *
   * @throws ErrnoException EADDRINUSE where the path exists
   */
  public static UnixListener bind(UnixAddress address, int backlog) throws ErrnoException {
    OwnedFd fd = Sockets.openUnix(Sockets.Kind.STREAM);
    try {
      Sockets.bind(fd, address, address.toString());
      Sockets.listen(fd, backlog, address.toString());
    } catch (ErrnoException e) {
      fd.close();
      throw e;
    }
    return new UnixListener(fd, address.toString());
  }

  /** Starts listening on a bound socket, whose ownership moves here on success. */
  public static UnixListener listen(OwnedFd moved, UnixAddress address, int backlog)
      throws ErrnoException {
    Sockets.listen(moved, backlog, address.toString());
    return new UnixListener(moved, address.toString());
  }

  /** Takes over a socket that listens already, non-blocking. */
  public static UnixListener adopt(OwnedFd moved, UnixAddress address) {
    return new UnixListener(moved, address.toString());
  }

  /**
   * Listens again, as another process perhaps: whoever connects from now on sees this one behind
   * the socket (SO_PEERCRED), as listen(2) records it. Connections in the queue stay there.
   */
  public void listenAgain(int backlog) throws ErrnoException {
    Sockets.listen(fd, backlog, name);
  }

  public OwnedFd fd() {
    return fd;
  }

  /**
   * Takes the next connection, close-on-exec and non-blocking from birth, owned by the caller;
   * empty when none waits.
   *
   * @throws ErrnoException EMFILE or ENFILE when there is no descriptor for it: then it stays in
   *     the queue
   */
  public Optional<UnixSocket> accept() throws ErrnoException {
    while (true) {
      int number = Libc.accept4(fd.number(), null, null, Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK);
      if (number >= 0) {
        return Optional.of(new UnixSocket(OwnedFd.own(number)));
      }
      switch (Libc.errno()) {
        case Errno.EAGAIN -> {
          return Optional.empty();
        }
        case Errno.EINTR, Errno.ECONNABORTED -> {}
        default -> throw ErrnoException.last("accept", name);
      }
    }
  }

  @Override
  public void close() {
    fd.close();
  }
}
