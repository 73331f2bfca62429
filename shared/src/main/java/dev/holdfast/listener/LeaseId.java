package dev.holdfast.listener;

import java.util.regex.Pattern;

/** The broker's word for one lease: 1 to 64 of {@code A-Z a-z 0-9 . _ -}. */
public record LeaseId(String value) {

  private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9._-]{1,64}");

  /**
   * @throws IllegalArgumentException saying what an id is made of
   */
  public LeaseId {
    if (!ALLOWED.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "lease " + Quoted.text(value) + ": an id is 1 to 64 letters, digits, '.', '_' or '-'");
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
