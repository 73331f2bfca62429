package dev.holdfast.broker.survive;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Pipe;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Optional;

/** The pipe that a broker which is gone gave a worker for its output, found again. */
final class WorkerOutput {

  private static final int ACCESS = 3; // O_ACCMODE
  private static final int READ_AND_WRITE = 2;

  private WorkerOutput() {}

  /**
   * A reading end, non-blocking, owned by the caller; empty where the worker has no such pipe any
   * more. What a worker pipes to somebody else is never read.
   *
   * @throws IOException when we may not
   */
  static Optional<OwnedFd> find(Pidfd worker, SocketSource source) throws IOException {
    OtherProcess process = new OtherProcess(worker.pid());
    for (int stream = 1; stream <= 2; stream++) {
      if (isOurs(process, stream)) {
        return Optional.of(open(worker, process, stream, source));
      }
    }
    return Optional.empty();
  }

  /**
   * Ours is a pipe of our user whose end at the worker can read too, so that the worker survives us
   * ({@link Pipe#forOutput}); nobody else's are so.
   */
  private static boolean isOurs(OtherProcess process, int stream) throws IOException {
    try {
      String link = Files.readSymbolicLink(process.path("fd/" + stream)).toString();
      if (!link.startsWith("pipe:")
          || !Integer.valueOf(Limits.effectiveUid())
              .equals(Files.getAttribute(process.path("fd/" + stream), "unix:uid"))) {
        return false;
      }
      for (String line :
          Files.readAllLines(process.path("fdinfo/" + stream), StandardCharsets.ISO_8859_1)) {
        if (line.startsWith("flags:")) {
          int flags = Integer.parseUnsignedInt(line.substring(6).strip(), 8);
          return (flags & ACCESS) == READ_AND_WRITE;
        }
      }
      return false;
    } catch (java.nio.file.AccessDeniedException e) {
      throw e;
    } catch (IOException e) {
      return false; // closed, or the worker is gone
    }
  }

  private static OwnedFd open(Pidfd worker, OtherProcess process, int stream, SocketSource source)
      throws ErrnoException {
    try {
      return Pipe.readerOf(process.path("fd/" + stream).toString());
    } catch (ErrnoException e) {
      if (!e.is(Errno.EACCES) && !e.is(Errno.EPERM)) {
        throw e;
      }
      // Its own descriptor, only to open the pipe by it anew: its flags are the worker's.
      try (OwnedFd shared = source.take(worker, stream)) {
        return Pipe.readerOf("/proc/self/fd/" + shared.number());
      }
    }
  }
}
