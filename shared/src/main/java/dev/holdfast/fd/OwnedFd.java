package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.io.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.newsclub.net.unix.FileDescriptorCast;

/**
 * A file descriptor with one owner, close-on-exec.
 *
 * <p>Whoever holds the object owns the descriptor and closes it; a method that takes ownership says
 * so, and takes it only when it succeeds. {@link #close()} may be called twice and from any thread:
 * the number is given up exactly once, so that a second close never hits a descriptor that was
 * given the same number since.
 */
public final class OwnedFd implements AutoCloseable {

  private static final int GIVEN_UP = -1;
  private static final int SO_LINGER = 13;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int AT_STATX_DONT_SYNC = 0x4000;
  private static final int STATX_TYPE = 1;
  private static final int STATX_INO = 0x100;

  private final AtomicInteger number;
  private volatile @Nullable FileDescriptor
      view; // set by whoever sends it first; any thread may read it

  private OwnedFd(int number) {
    this.number = new AtomicInteger(number);
  }

  /** Owns a descriptor that a system call of this package has just made, close-on-exec already. */
  static OwnedFd own(int number) {
    return new OwnedFd(number);
  }

  /**
   * Takes over a number that came from outside (the environment, an argument, another library) and
   * sets close-on-exec on it.
   *
   * @throws ErrnoException EBADF where no such descriptor is open; then nothing is owned
   */
  public static OwnedFd adopt(int number) throws ErrnoException {
    int flags = Libc.fcntl(number, Libc.F_GETFD, 0);
    if (flags < 0 || Libc.fcntl(number, Libc.F_SETFD, flags | Libc.FD_CLOEXEC) < 0) {
      throw ErrnoException.last("fcntl", "descriptor " + number);
    }
    return new OwnedFd(number);
  }

  /** Opens a file for reading, close-on-exec. */
  public static OwnedFd openForReading(String path) throws ErrnoException {
    int number = Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
    if (number < 0) {
      throw ErrnoException.last("open", path);
    }
    return new OwnedFd(number);
  }

  /**
   * The number, for a foreign API that borrows it.
   *
   * @throws IllegalStateException after {@link #close()} or {@link #release()}
   */
  public int number() {
    int value = number.get();
    if (value == GIVEN_UP) {
      throw new IllegalStateException("this descriptor was closed or moved");
    }
    return value;
  }

  public boolean isOpen() {
    return number.get() != GIVEN_UP;
  }

  /**
   * A second descriptor for the same open file description, owned by the caller. Numbered 3 or
   * above, so never a standard stream.
   */
  public OwnedFd dup() throws ErrnoException {
    return copyOf(number());
  }

  /**
   * The same of a number that is somebody else's, who keeps it as it is.
   *
   * @throws ErrnoException EBADF where no such descriptor is open
   */
  public static OwnedFd copyOf(int number) throws ErrnoException {
    int copy = Libc.fcntl(number, Libc.F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
      throw ErrnoException.last("dup", "descriptor " + number);
    }
    return new OwnedFd(copy);
  }

  /**
   * What kind of file is behind it: the S_IFMT bits of its mode (inode(7)).
   *
   * <p>Asks the kernel for what it knows already (AT_STATX_DONT_SYNC): fstat(2) would wait for the
   * server of a network or user-space file system, which a peer can run itself and never let
   * answer.
   */
  public int fileType() throws ErrnoException {
    try (Memory result = new Memory(256)) {
      if (Libc.statx(number(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, result) < 0) {
        throw ErrnoException.last("statx", "descriptor " + number);
      }
      return result.getShort(28) & 0170000;
    }
  }

  /** The number of the file behind it on its file system; asks as {@link #fileType()} does. */
  public long inode() throws ErrnoException {
    try (Memory result = new Memory(256)) {
      if (Libc.statx(number(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, result) < 0) {
        throw ErrnoException.last("statx", "descriptor " + number);
      }
      return result.getLong(32);
    }
  }

  /**
   * Reads at a position of a file, and leaves the offset, which all holders of the description
   * share, alone (pread(2)). Blocks as the file does.
   *
   * @return how many bytes, -1 at the end
   * @throws ErrnoException ESPIPE for a pipe or a socket, EISDIR for a directory
   */
  public int readAt(ByteBuffer into, long position) throws ErrnoException {
    return read(into, position);
  }

  /**
   * Reads on from the shared offset, or from a pipe; waits until there is something, also where the
   * description is non-blocking.
   *
   * @return how many bytes, -1 at the end
   */
  public int read(ByteBuffer into) throws ErrnoException {
    return read(into, -1);
  }

  private int read(ByteBuffer into, long position) throws ErrnoException {
    if (!into.hasRemaining()) {
      return 0;
    }
    try (Memory bytes = new Memory(into.remaining())) {
      while (true) {
        long got =
            position < 0
                ? Libc.read(number(), bytes, bytes.size())
                : Libc.pread(number(), bytes, bytes.size(), position);
        if (got >= 0) {
          into.put(bytes.getByteBuffer(0, got));
          return got == 0 ? -1 : (int) got;
        }
        int errno = Libc.errno();
        if (errno == Errno.EAGAIN) {
          Polling.await(number(), Libc.POLLIN, null);
        } else if (errno != Errno.EINTR) {
          throw new ErrnoException("read", "descriptor " + number, errno);
        }
      }
    }
  }

  /**
   * Reads what there is now. For a non-blocking description; with another it waits.
   *
   * @return how many bytes, 0 when nothing is there now (or no room is left), -1 at the end
   */
  public int readNow(ByteBuffer into) throws ErrnoException {
    if (!into.hasRemaining()) {
      return 0;
    }
    try (Memory bytes = new Memory(into.remaining())) {
      long got;
      do {
        got = Libc.read(number(), bytes, bytes.size());
      } while (got < 0 && Libc.errno() == Errno.EINTR);
      if (got > 0) {
        into.put(bytes.getByteBuffer(0, got));
        return (int) got;
      }
      return got == 0 ? -1 : nothingOr("read");
    }
  }

  /**
   * Writes what is taken now. For a non-blocking description; with another it waits.
   *
   * @return how many bytes, 0 when none are taken now
   * @throws ErrnoException EPIPE when nobody can read it any more
   */
  public int writeNow(ByteBuffer from) throws ErrnoException {
    if (!from.hasRemaining()) {
      return 0;
    }
    try (Memory bytes = new Memory(from.remaining())) {
      bytes.getByteBuffer(0, bytes.size()).put(from.duplicate());
      long went;
      do {
        went = Libc.write(number(), bytes, bytes.size());
      } while (went < 0 && Libc.errno() == Errno.EINTR);
      if (went < 0) {
        return nothingOr("write");
      }
      from.position(from.position() + (int) went);
      return (int) went;
    }
  }

  private int nothingOr(String call) throws ErrnoException {
    int errno = Libc.errno();
    if (errno == Errno.EAGAIN) {
      return 0;
    }
    throw new ErrnoException(call, "descriptor " + number, errno);
  }

  /** Gives the number, and the duty to close it, to the caller. */
  public int release() {
    int value = number.getAndSet(GIVEN_UP);
    if (value == GIVEN_UP) {
      throw new IllegalStateException("this descriptor was closed or moved");
    }
    return value;
  }

  /**
   * Makes close(2) of a TCP socket return at once, whatever SO_LINGER its owner had set: for one
   * that a peer sent and nobody wants. It changes the socket for all who hold it. Nothing happens
   * to what is no socket.
   */
  public void stopLingering() {
    try (Memory off = new Memory(8)) {
      off.clear();
      int unused = Libc.setsockopt(number(), Libc.SOL_SOCKET, SO_LINGER, off, 8);
    }
  }

  /**
   * Closes it. Errors are not reported: on Linux the descriptor is gone whatever close(2) returns.
   */
  @Override
  public void close() {
    int value = number.getAndSet(GIVEN_UP);
    if (value != GIVEN_UP) {
      int unused = Libc.close(value);
    }
  }

  /**
   * The JDK's kind of object for the same number; it owns nothing and must not be used after {@link
   * #close()}.
   */
  FileDescriptor view() throws IOException {
    FileDescriptor existing = view;
    if (existing == null) {
      existing = FileDescriptorCast.unsafeUsing(number()).getFileDescriptor();
      view = existing;
    }
    return existing;
  }

  @Override
  public String toString() {
    int value = number.get();
    return value == GIVEN_UP ? "fd(closed)" : "fd(" + value + ")";
  }
}
