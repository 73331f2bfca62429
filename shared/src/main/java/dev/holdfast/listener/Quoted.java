package dev.holdfast.listener;

/** A user's text as a message shows it: in quotes, on one line, and not endless. */
final class Quoted {

  private static final int LONGEST = 200;

  private Quoted() {}

  static String text(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (int i = 0; i < text.length() && i < LONGEST; i++) {
      quoted.append(character(text.charAt(i)));
    }
    return quoted.append(text.length() > LONGEST ? "…\"" : "\"").toString();
  }

  /** One character; those that a terminal would obey or could not show become an escape. */
  static String character(char c) {
    boolean shown = !Character.isISOControl(c) && !Character.isSurrogate(c) && c < '\u2028';
    return shown ? String.valueOf(c) : String.format("\\u%04x", (int) c);
  }
}
