package dev.holdfast.agent.cli;

import java.util.List;

/** Words of other programs, made fit for a terminal: they must not move the cursor or colour it. */
final class Printable {

  private Printable() {}

  /** One line; what would begin another one becomes a blank. */
  static String line(String text) {
    return clean(text.replace('\n', ' '));
  }

  /** The first line of several. */
  static String firstLine(String text) {
    int end = text.indexOf('\n');
    return clean(end < 0 ? text : text.substring(0, end));
  }

  /** The lines behind the first; none when there is one line only. */
  static List<String> furtherLines(String text) {
    return text.stripTrailing().lines().skip(1).map(Printable::clean).toList();
  }

  private static String clean(String text) {
    StringBuilder clean = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      clean.append(c == '\t' ? ' ' : Character.isISOControl(c) ? '?' : c);
    }
    return clean.toString();
  }
}
