package dev.holdfast.agent.cli;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Copies what is in a descriptor. */
final class Content {

  private static final int AT_ONCE = 64 * 1024;

  private Content() {}

  /**
   * Copies a file or memory from its start, without moving the offset that all holders share, and a
   * pipe to its end. Blocks as the pipe does.
   */
  static void copy(OwnedFd descriptor, String attempted, PrintStream out)
      throws Failure, IOException {
    String target =
        Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor.number())).toString();
    if (target.startsWith("socket:") || target.startsWith("anon_inode:")) {
      throw new Failure(
          ExitCode.REFUSED,
          attempted
              + ": it is "
              + target
              + ", which has no content to copy; give it to a program with -- PROGRAM");
    }
    ByteBuffer buffer = ByteBuffer.allocate(AT_ONCE);
    long position = 0;
    boolean seekable = true;
    while (true) {
      int count;
      try {
        count =
            seekable
                ? descriptor.readAt(buffer.clear(), position)
                : descriptor.read(buffer.clear());
      } catch (ErrnoException e) {
        if (seekable && position == 0 && e.is(Errno.ESPIPE)) {
          seekable = false;
          continue;
        }
        throw new Failure(
            ExitCode.SYSTEM,
            attempted
                + ": read "
                + target
                + ": "
                + e.errnoName()
                + " ("
                + Errno.text(e.errno())
                + "); it can be given to a program with -- PROGRAM",
            e);
      }
      if (count < 0) {
        out.flush();
        return;
      }
      out.write(buffer.array(), 0, count);
      position += count;
      if (out.checkError()) {
        throw new Failure(
            ExitCode.SYSTEM, attempted + ": write standard output: it is closed or full");
      }
    }
  }
}
