package dev.holdfast.broker.workers;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reads of proc(5), where every answer may be "gone": a process, a thread or a descriptor that
 * ended since it was listed. That is an empty result here; only what we may not read, or a shortage
 * of our own, is an exception.
 */
final class Proc {

  /** We have no right to look at this process. */
  static final class NotAllowedException extends IOException {
    private static final long serialVersionUID = 1;

    NotAllowedException(String message) {
      super(message);
    }
  }

  private static final int ROOM = 4096; // a page: what most of these files give at most in one read

  private Proc() {}

  /** The whole file, in which every byte is a character. */
  static Optional<String> text(String path) throws IOException {
    try (OwnedFd fd = OwnedFd.openForReading(path)) {
      ByteBuffer room = ByteBuffer.allocate(ROOM);
      StringBuilder text = new StringBuilder();
      while (fd.read(room) >= 0) {
        text.append(new String(room.array(), 0, room.position(), StandardCharsets.ISO_8859_1));
        room.clear();
      }
      return Optional.of(text.toString());
    } catch (ErrnoException e) {
      return switch (e.errno()) {
        case Errno.ENOENT, Errno.ESRCH -> Optional.empty();
        case Errno.EACCES, Errno.EPERM ->
            throw new NotAllowedException(path + ": " + e.errnoName());
        default -> throw e;
      };
    }
  }

  /** The names in a directory; none when it is gone. */
  static List<String> names(String directory) throws IOException {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of(directory))) {
      for (Path entry : entries) {
        names.add(entry.getFileName().toString());
      }
    } catch (DirectoryIteratorException e) {
      return unlessGone(directory, new IOException(directory, e));
    } catch (FileSystemException e) {
      return unlessGone(directory, e);
    }
    return names;
  }

  private static List<String> unlessGone(String directory, IOException e) throws IOException {
    if (Files.notExists(Path.of(directory))) {
      return List.of();
    }
    throw e instanceof AccessDeniedException ? new NotAllowedException(directory + ": EACCES") : e;
  }

  /** The names that are numbers: processes, threads, descriptors. */
  static List<Integer> numbers(String directory) throws IOException {
    List<Integer> numbers = new ArrayList<>();
    for (String name : names(directory)) {
      if (Character.isDigit(name.charAt(0))) {
        numbers.add(Integer.valueOf(name));
      }
    }
    return numbers;
  }

  /** Where a symbolic link points to. */
  static Optional<String> link(String path) throws IOException {
    try {
      return Optional.of(Files.readSymbolicLink(Path.of(path)).toString());
    } catch (AccessDeniedException e) {
      throw new NotAllowedException(path + ": EACCES");
    } catch (FileSystemException e) {
      return Optional.empty(); // ENOENT, or ESRCH, which has no exception of its own
    }
  }

  static boolean exists(int pid) {
    return Files.exists(Path.of("/proc/" + pid + "/stat"));
  }
}
