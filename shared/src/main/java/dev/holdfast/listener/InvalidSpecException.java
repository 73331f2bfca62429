package dev.holdfast.listener;

/**
 * A listen spec that cannot be read, or that names a service which nobody knows.
 *
 * <p>{@link #message()} is whole: {@code listen spec "127.0.0.1:99999": position 10: port 99999 is
 * not in 1–65535}.
 */
public final class InvalidSpecException extends Exception {

  private final String spec;
  private final int position;
  private final String reason;
  private final String message;

  /**
   * @param position where in the spec, counted from 0 in UTF-16 units; its length when something is
   *     missing at the end
   * @param reason what is wrong there, and what to write
   */
  public InvalidSpecException(String spec, int position, String reason) {
    this(spec, position, reason, whole(spec, position, reason));
  }

  private InvalidSpecException(String spec, int position, String reason, String message) {
    super(message);
    if (position < 0 || position > spec.length()) {
      throw new IllegalArgumentException("position " + position + " of " + Quoted.text(spec));
    }
    this.spec = spec;
    this.position = position;
    this.reason = reason;
    this.message = message;
  }

  /** The spec as it was given. */
  public String spec() {
    return spec;
  }

  /** Where the fault is: 0 to the length of the spec, both included. */
  public int position() {
    return position;
  }

  /** Spec, position and fault in one line; what {@link #getMessage()} returns. */
  public String message() {
    return message;
  }

  /** The fault alone, without the spec and the position. */
  public String reason() {
    return reason;
  }

  private static String whole(String spec, int position, String reason) {
    return "listen spec " + Quoted.text(spec) + ": position " + position + ": " + reason;
  }
}
