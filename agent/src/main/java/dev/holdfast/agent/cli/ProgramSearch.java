package dev.holdfast.agent.cli;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.Exec;
import org.jspecify.annotations.Nullable;

/** Finds a program as execvp(3) does. Words and paths are byte text. */
final class ProgramSearch {

  /** What execvp(3) takes when PATH is not set: confstr(_CS_PATH). */
  private static final String DEFAULT_PATH = "/bin:/usr/bin";

  private ProgramSearch() {}

  /**
   * The path to execute. A name with a slash is the path itself; any other is looked for in each
   * directory of PATH, of which an empty one is the current directory.
   *
   * @throws Failure 127 when it is not found, 126 when all that is found must not be executed
   */
  static String find(String program, @Nullable String pathVariable) throws Failure {
    if (program.indexOf('/') >= 0) {
      int errno = Exec.whyNotExecutable(ByteText.bytes(program));
      if (errno != 0) {
        throw failure(program, errno, "");
      }
      return program;
    }
    String path = pathVariable == null ? DEFAULT_PATH : pathVariable;
    boolean forbidden = false;
    int start = program.isEmpty() ? path.length() + 1 : 0;
    while (start <= path.length()) {
      int end = path.indexOf(':', start);
      end = end < 0 ? path.length() : end;
      String candidate = end == start ? program : path.substring(start, end) + "/" + program;
      int errno = Exec.whyNotExecutable(ByteText.bytes(candidate));
      switch (errno) {
        case 0 -> {
          return candidate;
        }
        case Errno.EACCES -> forbidden = true;
        case Errno.ENOENT, Errno.ENOTDIR, Errno.ENODEV, Errno.ESTALE, Errno.ETIMEDOUT -> {}
        default -> throw failure(candidate, errno, "");
      }
      start = end + 1;
    }
    throw failure(
        program,
        forbidden ? Errno.EACCES : Errno.ENOENT,
        pathVariable == null ? "; PATH is not set" : "; looked in PATH=" + pathVariable);
  }

  /** The failure of executing a program, with env(1)'s exit code. */
  static Failure failure(String program, int errno, String where) {
    boolean missing = errno == Errno.ENOENT || errno == Errno.ENOTDIR;
    String advice =
        switch (errno) {
          case Errno.ENOENT, Errno.ENOTDIR -> "";
          case Errno.EACCES ->
              "; is it a file with execute permission, on a file system without noexec?";
          default -> "";
        };
    return new Failure(
        missing ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE,
        "execute "
            + ByteText.decode(program)
            + ": "
            + Errno.name(errno)
            + " ("
            + Errno.text(errno)
            + ")"
            + ByteText.decode(where)
            + advice);
  }
}
