package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.jspecify.annotations.Nullable;

/**
 * A file that nobody else is to write. Opening it follows no symbolic link, and waits for nothing
 * that may stand in its place. Owns its descriptor; one thread.
 */
public final class PrivateFile implements AutoCloseable {

  private static final int O_WRONLY = 1;
  private static final int O_EXCL = 0x80;
  private static final int O_NOCTTY = 0x100;
  private static final int O_APPEND = 0x400;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_TYPE_MODE_UID_SIZE = 0x1 | 0x2 | 0x8 | 0x200;
  private static final int FILE_TYPE = 0170000;
  private static final int REGULAR = 0100000;
  private static final int BY_OTHERS = 0022;
  private static final ByteBuffer NONE = ByteBuffer.allocate(0);

  /**
   * What the kernel says of it.
   *
   * @param mode type and permissions (inode(7))
   */
  public record Facts(int mode, int uid, long size) {

    public boolean isRegular() {
      return (mode & FILE_TYPE) == REGULAR;
    }

    public boolean mayBeWrittenByOthers() {
      return (mode & BY_OTHERS) != 0;
    }
  }

  private Path path;
  private final OwnedFd fd;
  private @Nullable Memory room;
  private ByteBuffer view = NONE; // of the room: to make one costs as much as to fill it

  private PrivateFile(Path path, OwnedFd fd) {
    this.path = path;
    this.fd = fd;
  }

  /**
   * Opens whatever there is for reading: look at its {@link #facts} before you read.
   *
   * @throws ErrnoException ELOOP for a symbolic link
   */
  public static PrivateFile open(Path path) throws ErrnoException {
    // O_NONBLOCK: a FIFO would wait for its writer.
    return open(path, Libc.O_RDONLY | Libc.O_NONBLOCK);
  }

  /**
   * Makes it, for its owner alone; what is written goes to its end.
   *
   * @throws ErrnoException EEXIST where there is something, even a link to nothing
   */
  public static PrivateFile create(Path path) throws ErrnoException {
    return open(path, O_WRONLY | Libc.O_CREAT | O_EXCL | O_APPEND);
  }

  private static PrivateFile open(Path path, int flags) throws ErrnoException {
    int number =
        Libc.open(path.toString(), flags | Libc.O_NOFOLLOW | Libc.O_CLOEXEC | O_NOCTTY, 0600);
    if (number < 0) {
      throw ErrnoException.last("open", path.toString());
    }
    return new PrivateFile(path, OwnedFd.own(number));
  }

  public Facts facts() throws ErrnoException {
    try (Memory result = new Memory(256)) {
      if (Libc.statx(fd.number(), "", AT_EMPTY_PATH, STATX_TYPE_MODE_UID_SIZE, result) < 0) {
        throw ErrnoException.last("statx", path.toString());
      }
      return new Facts(result.getShort(28) & 0xffff, result.getInt(20), result.getLong(40));
    }
  }

  /**
   * Reads on.
   *
   * @return how many bytes, -1 at the end
   */
  public int read(ByteBuffer into) throws ErrnoException {
    return fd.read(into);
  }

  /**
   * Writes all that remains, with one write(2) where the kernel takes it.
   *
   * @throws ErrnoException ENOSPC, EDQUOT, EFBIG …: a part may have been written
   */
  public void write(ByteBuffer from) throws ErrnoException {
    int length = from.remaining();
    Memory bytes = room(length);
    view.clear().put(from);
    for (long done = 0; done < length; ) {
      Pointer rest = done == 0 ? bytes : bytes.share(done);
      long went = Libc.write(fd.number(), rest, length - done);
      if (went >= 0) {
        done += went;
      } else if (Libc.errno() != Errno.EINTR) {
        throw ErrnoException.last("write", path.toString());
      }
    }
  }

  /** Gives it another name on the same file system, in the place of what has that name. */
  public void renameTo(Path other) throws IOException {
    Files.move(path, other, StandardCopyOption.ATOMIC_MOVE);
    path = other;
  }

  private Memory room(int length) {
    Memory present = room;
    if (present != null && present.size() >= length) {
      return present;
    }
    Memory larger = new Memory(Math.max(8192, Integer.highestOneBit(length) * 2L));
    if (present != null) {
      present.close();
    }
    room = larger;
    view = larger.getByteBuffer(0, larger.size());
    return larger;
  }

  @Override
  public void close() {
    fd.close();
    if (room != null) {
      room.close();
      room = null;
      view = NONE;
    }
  }
}
