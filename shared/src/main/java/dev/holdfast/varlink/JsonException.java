package dev.holdfast.varlink;

import java.io.IOException;

/** A text that is not JSON as this package reads it. On a connection: drop the connection. */
public final class JsonException extends IOException {
  private final int position;

  JsonException(int position, String message) {
    super("JSON at byte " + position + ": " + message);
    this.position = position;
  }

  /** Where in the text it went wrong, in bytes from its start. */
  public int position() {
    return position;
  }
}
