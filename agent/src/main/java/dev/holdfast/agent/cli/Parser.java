package dev.holdfast.agent.cli;

import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.ParameterException;

/** Fills a verb's options from words, and prints its help. */
final class Parser {

  private Parser() {}

  /** One verb's own command line, named as the user types it. */
  static CommandLine commandLine(Verb verb, String name) {
    CommandLine line = new CommandLine(verb);
    line.setCommandName("holdfast " + name);
    line.setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF));
    // A SPEC may begin with "-" (a thread for each connection).
    line.setUnmatchedOptionsArePositionalParams(verb instanceof ListenVerb);
    line.setExpandAtFiles(false);
    return line;
  }

  /**
   * Returns false when help was asked for and printed.
   *
   * @throws Failure with exit code 64, saying which word is wrong
   */
  static boolean parse(Verb verb, String name, String[] words, Surroundings surroundings)
      throws Failure {
    CommandLine line = commandLine(verb, name);
    try {
      if (line.parseArgs(words).isUsageHelpRequested()) {
        surroundings.print(line.getUsageMessage(Ansi.OFF).stripTrailing());
        return false;
      }
    } catch (ParameterException e) {
      throw new Failure(
          ExitCode.USAGE, name + ": " + e.getMessage() + "; see `holdfast " + name + " --help`", e);
    }
    return true;
  }
}
