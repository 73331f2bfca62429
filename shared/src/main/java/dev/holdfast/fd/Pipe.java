package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.nio.file.Path;

/** Pipes and files for a program's standard streams. All are close-on-exec. */
public final class Pipe {

  private static final int F_SETPIPE_SZ = 1031;
  private static final int LARGEST = 1 << 20;
  private static final int DEFAULT = 1 << 16;
  private static final int PIPE = 0010000; // S_IFIFO
  private static final int O_WRONLY = 1;
  private static final int O_NOCTTY = 0x100;
  private static final int O_APPEND = 0x400;

  /** Both owned by whoever opened the pipe. */
  public record Ends(OwnedFd reader, OwnedFd writer) {}

  private Pipe() {}

  /** A pipe as it comes: blocking. */
  public static Ends open() throws ErrnoException {
    try (Memory ends = new Memory(8)) {
      if (SpawnLibc.pipe2(ends, Libc.O_CLOEXEC) < 0) {
        throw ErrnoException.last("pipe", "");
      }
      return new Ends(OwnedFd.own(ends.getInt(0)), OwnedFd.own(ends.getInt(4)));
    }
  }

  /**
   * For a program's output: the reader is non-blocking, and the pipe as large as the kernel lets it
   * be, up to 1 MiB. The writer can read too, so that the pipe has a reader as long as the program
   * lives: one that outlives us gets no SIGPIPE. It waits once the pipe is full.
   */
  public static Ends forOutput() throws ErrnoException {
    Ends ends = open();
    try {
      Sockets.setNonBlocking(ends.reader(), true);
      enlarge(ends.reader());
      try (OwnedFd onlyWriter = ends.writer()) {
        String path = "/proc/self/fd/" + onlyWriter.number();
        return new Ends(ends.reader(), open(path, Libc.O_RDWR, 0));
      }
    } catch (ErrnoException e) {
      ends.reader().close();
      throw e;
    }
  }

  /** EPERM where the user has too many large pipes (pipe(7)): then a smaller one will do. */
  private static void enlarge(OwnedFd pipe) {
    int size = LARGEST;
    while (size > DEFAULT && Libc.fcntl(pipe.number(), F_SETPIPE_SZ, size) < 0) {
      size /= 2;
    }
  }

  /**
   * Another reading end, non-blocking, of a pipe that a process has open: a description of its own,
   * so the process sees no change of flags.
   *
   * @param path as in /proc/PID/fd/1
   * @throws ErrnoException ENXIO or EINVAL where it is no pipe any more; EACCES without the right
   *     to trace the process (ptrace(2))
   */
  public static OwnedFd readerOf(String path) throws ErrnoException {
    OwnedFd opened = open(path, Libc.O_RDONLY | Libc.O_NONBLOCK | O_NOCTTY, 0);
    try {
      if (opened.fileType() != PIPE) {
        throw new ErrnoException("open", path + " as a pipe", Errno.EINVAL);
      }
      return opened;
    } catch (ErrnoException e) {
      opened.close();
      throw e;
    }
  }

  /**
   * A file that every write goes to the end of; made if it is not there.
   *
   * @param mode of a new file, less our umask
   */
  public static OwnedFd appendTo(Path file, int mode) throws ErrnoException {
    return open(file.toString(), O_WRONLY | O_APPEND | Libc.O_CREAT | O_NOCTTY, mode);
  }

  /** For reading and writing. */
  public static OwnedFd devNull() throws ErrnoException {
    return open("/dev/null", Libc.O_RDWR, 0);
  }

  private static OwnedFd open(String path, int flags, int mode) throws ErrnoException {
    int number = Libc.open(path, flags | Libc.O_CLOEXEC, mode);
    if (number < 0) {
      throw ErrnoException.last("open", path);
    }
    return OwnedFd.own(number);
  }
}
