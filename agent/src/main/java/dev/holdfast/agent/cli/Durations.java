package dev.holdfast.agent.cli;

import java.time.Duration;

/**
 * Durations as people write them: {@code 500ms}, {@code 10s}, {@code 2m}, {@code 1h}, {@code 1d}.
 */
final class Durations {

  private static final long MOST_DAYS = 3650;

  private Durations() {}

  /**
   * @throws Failure (usage) for anything but a whole number and a unit
   */
  static Duration parse(String option, String text) throws Failure {
    int digits = 0;
    while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
      digits++;
    }
    String unit = text.substring(digits);
    long unitMillis =
        switch (unit) {
          case "ms" -> 1;
          case "s" -> 1000;
          case "m" -> 60_000;
          case "h" -> 3_600_000;
          case "d" -> 86_400_000;
          default -> 0;
        };
    if (digits == 0 || digits > 12 || unitMillis == 0) {
      throw wrong(option, text);
    }
    Duration duration =
        Duration.ofMillis(unitMillis).multipliedBy(Long.parseLong(text.substring(0, digits)));
    if (duration.compareTo(Duration.ofDays(MOST_DAYS)) > 0) {
      throw wrong(option, text);
    }
    return duration;
  }

  private static Failure wrong(String option, String text) {
    return new Failure(
        ExitCode.USAGE,
        option + " " + text + ": not a time; write a number and ms, s, m, h or d, as in 10s");
  }

  /** The largest unit that has something to say. */
  static String text(Duration duration) {
    long seconds = Math.max(0, duration.toSeconds());
    if (seconds < 60) {
      return seconds + "s";
    }
    if (seconds < 3600) {
      return seconds / 60 + "m";
    }
    return seconds < 86_400 ? seconds / 3600 + "h" : seconds / 86_400 + "d";
  }
}
