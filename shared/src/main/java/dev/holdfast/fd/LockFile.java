package dev.holdfast.fd;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A file that one process has locked (flock(2)); the lock ends with the process, however it ends.
 * Owns its descriptor and, while it is locked, the path.
 */
public final class LockFile implements AutoCloseable {

  private final Path path;
  private final OwnedFd fd;

  private LockFile(Path path, OwnedFd fd) {
    this.path = path;
    this.fd = fd;
  }

  /**
   * Makes the file if it is missing, and locks it; empty when another process has it locked.
   *
   * @throws IOException where the file cannot be made
   */
  public static Optional<LockFile> tryLock(Path path) throws IOException {
    while (true) {
      int number =
          Libc.open(
              path.toString(), Libc.O_RDWR | Libc.O_CREAT | Libc.O_CLOEXEC | Libc.O_NOFOLLOW, 0600);
      if (number < 0) {
        throw ErrnoException.last("open", path.toString());
      }
      OwnedFd fd = OwnedFd.own(number);
      if (Libc.flock(number, Libc.LOCK_EX | Libc.LOCK_NB) < 0) {
        int errno = Libc.errno();
        fd.close();
        if (errno == Errno.EAGAIN) {
          return Optional.empty();
        }
        throw new ErrnoException("flock", path.toString(), errno);
      }
      // Whoever had it before us removed the path on its way out: then we locked a file without a
      // name.
      if (isFileAt(path, number)) {
        return Optional.of(new LockFile(path, fd));
      }
      fd.close();
    }
  }

  private static boolean isFileAt(Path path, int number) throws IOException {
    try {
      Object ours = Files.getAttribute(Path.of("/proc/self/fd/" + number), "unix:ino");
      return ours.equals(Files.getAttribute(path, "unix:ino"));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /**
   * Takes over a lock that another process has, by a descriptor of the same description: the lock
   * is that description's (flock(2)), so there is no moment without it.
   */
  public static LockFile adopt(Path path, OwnedFd moved) {
    return new LockFile(path, moved);
  }

  /** The descriptor that has the lock; still owned by this object. */
  public OwnedFd fd() {
    return fd;
  }

  /** Leaves lock and path to whoever has the same description; without such a one it ends here. */
  public void letGo() {
    fd.close();
  }

  /** Removes the path, and gives up the lock. */
  @Override
  public void close() {
    if (fd.isOpen()) {
      boolean unused = path.toFile().delete();
      fd.close();
    }
  }
}
