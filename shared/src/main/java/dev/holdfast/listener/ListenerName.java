package dev.holdfast.listener;

import java.util.regex.Pattern;

/**
 * The name of a listener: 1 to 64 of {@code A-Z a-z 0-9 . _ @ -}, not starting with {@code -} (it
 * would read as an option) or {@code .} (a hidden file). There is no {@code :} in it, because
 * LISTEN_FDNAMES (sd_listen_fds(3)) separates names by colons.
 */
public record ListenerName(String value) implements Comparable<ListenerName> {

  public static final int MAXIMUM_LENGTH = 64;

  private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9_@][A-Za-z0-9._@-]{0,63}");

  /**
   * @throws IllegalArgumentException saying what a name is made of
   */
  public ListenerName {
    if (!ALLOWED.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "listener name "
              + Quoted.text(value)
              + ": a name is 1 to 64 letters, digits, '.', '_', '@' or '-', and does not start with"
              + " '-' or '.'");
    }
  }

  /**
   * Reads a name.
   *
   * @throws IllegalArgumentException saying what a name is made of
   */
  public static ListenerName parse(String text) {
    return new ListenerName(text);
  }

  @Override
  public int compareTo(ListenerName other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}
