package dev.holdfast.broker.workers;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a worker writes to a file itself: its last lines are what stands there since its start.
 * Other workers may write there too. Owns a descriptor, so that it finds them when the file was
 * moved away.
 */
final class FileTail implements Printed {

  private static final int ROOM = 2 * LastLines.MOST_BYTES;

  private @Nullable OwnedFd file; // from now on where the blocking things are run only
  private long start;
  private final Executor blocking;

  private FileTail(@Nullable OwnedFd file, long start, Executor blocking) {
    this.file = file;
    this.start = start;
    this.blocking = blocking;
  }

  /**
   * Begins where the file ends now.
   *
   * @param borrowed open for writing
   * @param blocking runs what may wait for a disk, one after the other
   */
  static FileTail of(OwnedFd borrowed, Executor blocking) throws IOException {
    String path = "/proc/self/fd/" + borrowed.number();
    OwnedFd file = OwnedFd.openForReading(path);
    try {
      return new FileTail(file, size(file), blocking);
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Begins where the file of a worker ends now that another broker had started.
   *
   * @param blocking as in {@link #of}; opens the file, too
   */
  static FileTail again(Path path, Executor blocking) {
    FileTail tail = new FileTail(null, 0, blocking);
    blocking.execute(() -> tail.open(path));
    return tail;
  }

  private void open(Path path) {
    if (!Files.isRegularFile(path)) {
      return; // a FIFO, say, whose other end nobody has
    }
    try {
      OwnedFd opened = OwnedFd.openForReading(path.toString());
      file = opened;
      start = size(opened);
    } catch (IOException e) {
      // gone, or not ours to read: then nothing is known of it
    }
  }

  private static long size(OwnedFd file) throws IOException {
    return Files.size(Path.of("/proc/self/fd/" + file.number()));
  }

  @Override
  public void last(Consumer<String> then) {
    blocking.execute(() -> then.accept(read()));
  }

  private String read() {
    ByteBuffer room = ByteBuffer.allocate(ROOM);
    LastLines last = new LastLines();
    OwnedFd from = file;
    if (from == null) {
      return "";
    }
    try {
      long end = size(from);
      long begin = start > end ? 0 : start; // it was cut since
      long position = Math.max(begin, end - ROOM);
      while (room.hasRemaining() && from.readAt(room, position + room.position()) > 0) {
        // until the end
      }
      OutputLines lines = new OutputLines();
      lines.take(room.array(), 0, room.position(), last::add);
      lines.finish(last::add);
    } catch (ErrnoException e) {
      return ""; // ESPIPE: a device or a pipe keeps nothing
    } catch (IOException e) {
      return "";
    }
    return last.text();
  }

  @Override
  public void gone() {
    blocking.execute(
        () -> {
          OwnedFd opened = file;
          if (opened != null) {
            opened.close();
          }
        });
  }
}
