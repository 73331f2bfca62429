package dev.holdfast.broker.survive;

/** A text that says nothing a broker can know again; the message names the member. */
public final class UnreadableException extends Exception {

  private static final long serialVersionUID = 1;

  UnreadableException(String message) {
    super(message);
  }
}
