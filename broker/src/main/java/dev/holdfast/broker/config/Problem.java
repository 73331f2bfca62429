package dev.holdfast.broker.config;

/**
 * Something wrong, or doubtful, in a configuration file.
 *
 * @param file as it was named to us
 * @param line from 1; 0 when it concerns the whole file
 * @param column from 1; 0 when it concerns the whole file
 * @param message what is wrong, and what to write
 */
public record Problem(String file, int line, int column, String message) {

  /** {@code holdfast.toml:12: unknown key …}: editors and people find the line by it. */
  @Override
  public String toString() {
    return file + (line == 0 ? ": " : ":" + line + ": ") + message;
  }
}
