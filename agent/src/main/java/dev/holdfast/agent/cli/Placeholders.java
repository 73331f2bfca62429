package dev.holdfast.agent.cli;

import java.util.List;

/** Replaces {@code {fd:NAME}} in words by the number of the listener's first descriptor. */
final class Placeholders {

  private static final String OPEN = "{fd:";

  private Placeholders() {}

  /**
   * @throws Failure (usage) where the word names a listener that is not among the names: a misspelt
   *     one should not reach the program
   */
  static void check(String word, List<String> names) throws Failure {
    int at = next(word, 0);
    while (at >= 0) {
      int end = word.indexOf('}', at);
      String name =
          end < 0 ? word.substring(at + OPEN.length()) : word.substring(at + OPEN.length(), end);
      if (end < 0 || !names.contains(name)) {
        throw new Failure(
            ExitCode.USAGE,
            "replace {fd:NAME} in \""
                + ByteText.decode(word)
                + "\": "
                + (end < 0
                    ? "the closing } is missing"
                    : "\"" + ByteText.decode(name) + "\" is not among the names before --"));
      }
      at = next(word, end);
    }
  }

  /** Where the next begins; {@code {fd: 3}} is an object of JavaScript, and none. */
  private static int next(String word, int from) {
    int at = word.indexOf(OPEN, from);
    while (at >= 0 && word.startsWith(" ", at + OPEN.length())) {
      at = word.indexOf(OPEN, at + OPEN.length());
    }
    return at;
  }

  /** The word with each name's number; {@code names} has a name for each number, in order. */
  static String replace(String word, List<String> names, int firstNumber) {
    int at = next(word, 0);
    if (at < 0) {
      return word;
    }
    StringBuilder result = new StringBuilder();
    int done = 0;
    while (at >= 0) {
      int end = word.indexOf('}', at);
      int index = end < 0 ? -1 : names.indexOf(word.substring(at + OPEN.length(), end));
      if (index < 0) {
        break;
      }
      result.append(word, done, at).append(firstNumber + index);
      done = end + 1;
      at = next(word, done);
    }
    return result.append(word, done, word.length()).toString();
  }
}
