package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
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
