package dev.holdfast.broker.survive;

/** A listener cannot be taken out of a running server; the message says why, and what to do. */
public final class AdoptException extends Exception {

  private static final long serialVersionUID = 1;

  AdoptException(String message) {
    super(message);
  }
}
