package dev.holdfast.listener;

/** The text of a listen spec while it is read from left to right. */
final class SpecText {

  private final String text;
  private int at;

  SpecText(String text) {
    this.text = text;
  }

  /** Where reading goes on. */
  int at() {
    return at;
  }

  int length() {
    return text.length();
  }

  /** What was not read yet. */
  String rest() {
    return text.substring(at);
  }

  String upTo(int end) {
    return text.substring(at, end);
  }

  /** The next such character that was not read yet, or -1. */
  int next(char c) {
    return text.indexOf(c, at);
  }

  /** Passes over a word, if it comes now. */
  boolean take(String word) {
    boolean there = text.startsWith(word, at);
    at += there ? word.length() : 0;
    return there;
  }

  void goOnAt(int position) {
    at = position;
  }

  /** A fault right here. */
  InvalidSpecException fault(String reason) {
    return faultAt(at, reason);
  }

  InvalidSpecException faultAt(int position, String reason) {
    return new InvalidSpecException(text, position, reason);
  }

  /** NUL ends names in the kernel, and control characters hide what a message shows. */
  void requirePrintable() throws InvalidSpecException {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean pair = i + 1 < text.length() && Character.isSurrogatePair(c, text.charAt(i + 1));
      if (pair) {
        i++;
      } else if (Character.isISOControl(c) || Character.isSurrogate(c)) {
        String shown = Quoted.character(c);
        throw faultAt(i, "the character " + shown + " cannot be part of a listen spec");
      }
    }
  }
}
