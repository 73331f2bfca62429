package dev.holdfast.broker.control;

import dev.holdfast.broker.bind.BindException;
import dev.holdfast.broker.bind.UnixPath;
import dev.holdfast.broker.core.SocketProof.PathProof;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.LockFile;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixListener;
import dev.holdfast.fd.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The address of one broker: a listening socket that appears by rename(2), under a lock that only
 * one broker can have. A path that a crashed broker left behind is taken over; the lock tells that
 * it crashed.
 */
public final class ControlSocket implements AutoCloseable {

  /** Another broker has the address. */
  public static final class TakenException extends Exception {
    private static final long serialVersionUID = 1;

    TakenException(UnixAddress address, OptionalInt pid) {
      super(
          "a broker runs already at "
              + address
              + (pid.isPresent() ? ", pid " + pid.getAsInt() : "")
              + "; stop it, or give this one another --socket");
    }
  }

  private static final int BACKLOG = 4096;

  private final UnixListener listener;
  private final @Nullable UnixPath path;
  private final @Nullable LockFile lock;

  private ControlSocket(UnixListener listener, @Nullable UnixPath path, @Nullable LockFile lock) {
    this.listener = listener;
    this.path = path;
    this.lock = lock;
  }

  /**
   * Binds and listens.
   *
   * @param settings mode and owner of a path; without a mode everybody may connect, and rights
   *     decide the rest
   * @throws TakenException with the pid of the broker that has the address
   */
  public static ControlSocket open(UnixAddress address, SocketSettings settings)
      throws TakenException, IOException {
    if (address instanceof UnixAddress.Path at) {
      return openPath(at, settings);
    }
    try {
      OwnedFd fd = Sockets.openUnix(Sockets.Kind.STREAM);
      try {
        Sockets.bind(fd, address, address.toString());
        return listening(fd, address, null, null);
      } catch (ErrnoException e) {
        fd.close();
        throw e;
      }
    } catch (ErrnoException e) {
      OptionalInt pid = brokerAt(address);
      if (pid.isPresent()) {
        throw new TakenException(address, pid);
      }
      throw e;
    }
  }

  /**
   * The control socket of a predecessor that lives. It is touched only by {@link #begin}.
   *
   * @param moved the listening socket
   * @param lock what has the lock of a path
   * @param path by which a path is known to be the socket's
   * @throws IllegalArgumentException for a path that comes without its lock or proof; nothing was
   *     taken then
   */
  public static ControlSocket adopt(
      UnixAddress address, OwnedFd moved, Optional<OwnedFd> lock, Optional<PathProof> path) {
    if (!(address instanceof UnixAddress.Path at)) {
      return new ControlSocket(UnixListener.adopt(moved, address), null, null);
    }
    if (lock.isEmpty() || path.isEmpty()) {
      throw new IllegalArgumentException("the control socket " + at + " came without its lock");
    }
    return new ControlSocket(
        UnixListener.adopt(moved, address),
        UnixPath.adopt(at.path(), path.get()),
        LockFile.adopt(lockPath(at), lock.get()));
  }

  private static Path lockPath(UnixAddress.Path at) {
    return Path.of(at.path() + ".lock");
  }

  private static ControlSocket openPath(UnixAddress.Path at, SocketSettings settings)
      throws TakenException, IOException {
    Optional<LockFile> lock = LockFile.tryLock(lockPath(at));
    if (lock.isEmpty()) {
      throw new TakenException(at, brokerAt(at));
    }
    OwnedFd fd = null;
    try {
      fd = Sockets.openUnix(Sockets.Kind.STREAM);
      UnixPath path = UnixPath.bind(fd, at.path(), settings, "unix:" + at);
      return listening(fd, at, path, lock.get());
    } catch (BindException e) {
      closeBoth(fd, lock.get());
      // No broker is there, or it would have the lock; some other program listens.
      throw new IOException(e.getMessage(), e);
    } catch (IOException e) {
      closeBoth(fd, lock.get());
      throw e;
    }
  }

  private static void closeBoth(@Nullable OwnedFd fd, LockFile lock) {
    if (fd != null) {
      fd.close();
    }
    lock.close();
  }

  private static ControlSocket listening(
      OwnedFd fd, UnixAddress address, @Nullable UnixPath path, @Nullable LockFile lock)
      throws ErrnoException {
    return new ControlSocket(UnixListener.listen(fd, address, BACKLOG), path, lock);
  }

  /** Who listens at the address; the kernel tells a connecting peer (SO_PEERCRED). */
  public static OptionalInt brokerAt(UnixAddress address) {
    try (UnixSocket there = UnixSocket.connect(address)) {
      return OptionalInt.of(there.peerCredentials().pid());
    } catch (ErrnoException e) {
      return OptionalInt.empty();
    }
  }

  UnixListener listener() {
    return listener;
  }

  /** Whoever connects from now on sees this process behind the socket. */
  void begin() throws ErrnoException {
    listener.listenAgain(BACKLOG);
  }

  /** The listening socket, borrowed. */
  public OwnedFd descriptor() {
    return listener.fd();
  }

  /** What has the lock, borrowed; empty for an abstract name. */
  public Optional<OwnedFd> lock() {
    return Optional.ofNullable(lock).map(LockFile::fd);
  }

  /** By which a successor knows the path to be the socket's; empty for an abstract name. */
  public Optional<PathProof> proof() {
    return Optional.ofNullable(path).map(UnixPath::proof);
  }

  /** Closes our descriptors, and leaves socket, path and lock to a successor that has them too. */
  public void letGo() {
    listener.close();
    if (lock != null) {
      lock.letGo();
    }
  }

  /** Removes the path if it is still ours, and gives up the address. */
  @Override
  public void close() throws IOException {
    try {
      if (path != null) {
        path.remove();
      }
    } finally {
      listener.close();
      if (lock != null) {
        lock.close();
      }
    }
  }
}
