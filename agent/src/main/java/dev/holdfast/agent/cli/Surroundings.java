package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * What a verb may see of its process. Tests give it others.
 *
 * @param environment as Java decodes it; a program that is started gets the bytes instead
 */
record Surroundings(PrintStream out, PrintStream err, Map<String, String> environment) {

  static Surroundings ofThisProcess() {
    return new Surroundings(utf8(FileDescriptor.out), utf8(FileDescriptor.err), System.getenv());
  }

  /** JSON is UTF-8 whatever the locale says, and so is what we print of names. */
  private static PrintStream utf8(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), false, UTF_8);
  }

  /**
   * Whether standard output is a terminal whose cursor can be moved. System.console() also wants a
   * terminal as input, and on 22 and later is there without any.
   */
  boolean drawsOnTerminal() {
    try {
      String file = Files.readSymbolicLink(Path.of("/proc/self/fd/1")).toString();
      return !environment.getOrDefault("TERM", "dumb").equals("dumb")
          && (file.startsWith("/dev/pts/") || file.startsWith("/dev/tty"));
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Prints a line of standard output.
   *
   * @throws Failure when it cannot be written: a full disk must not look like success
   */
  void print(CharSequence text) throws Failure {
    out.append(text).append('\n');
    if (out.checkError()) {
      throw new Failure(
          ExitCode.SYSTEM, "write standard output: it is closed or full; nothing more is printed");
    }
  }
}
