package dev.holdfast.broker.config;

import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Readers of values with a unit. Durations have one always: nobody remembers whether it was
 * milliseconds.
 */
final class Quantities {

  /** The kernel doubles the number and keeps it in an int (socket(7), SO_RCVBUF). */
  static final int LARGEST_BUFFER = Integer.MAX_VALUE / 2;

  private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})(ms|s|m|h)");
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,9})(B|KiB|MiB|GiB)");
  private static final Map<String, Duration> TIMES =
      Map.of(
          "ms", Duration.ofMillis(1),
          "s", Duration.ofSeconds(1),
          "m", Duration.ofMinutes(1),
          "h", Duration.ofHours(1));
  static final Map<String, Long> BYTES =
      Map.of("B", 1L, "KiB", 1L << 10, "MiB", 1L << 20, "GiB", 1L << 30);

  private Quantities() {}

  /**
   * {@code "500ms"}, {@code "5s"}, {@code "1m"}, {@code "1h"}, within the bounds, which are written
   * so too.
   */
  static Reader<Duration> duration(String least, String most) {
    Duration lowest = duration(least);
    Duration highest = duration(most);
    return setting -> {
      Duration duration = setting.value() instanceof String text ? parse(text) : null;
      if (duration != null && duration.compareTo(lowest) >= 0 && duration.compareTo(highest) <= 0) {
        return duration;
      }
      return setting.mustBe("a duration of \"" + least + "\" to \"" + most + "\"", advice(setting));
    };
  }

  /** TCP_DEFER_ACCEPT counts in seconds. */
  static @Nullable Duration wholeSeconds(Setting setting) {
    Duration duration = duration("1s", "1h").read(setting);
    return duration == null || duration.toMillisPart() == 0
        ? duration
        : setting.mustBe("a duration of whole seconds");
  }

  /** {@code "64KiB"}, or an integer of bytes. */
  static @Nullable Integer size(Setting setting) {
    long bytes = 0;
    if (setting.value() instanceof Long number) {
      bytes = number;
    } else if (setting.value() instanceof String text) {
      Matcher parts = SIZE.matcher(text);
      bytes = parts.matches() ? Long.parseLong(parts.group(1)) * bytes(parts.group(2)) : 0;
    }
    return bytes >= 1 && bytes <= LARGEST_BUFFER
        ? Integer.valueOf((int) bytes)
        : setting.mustBe(
            "1 to " + LARGEST_BUFFER + " bytes: an integer, or a string such as \"64KiB\"");
  }

  /** As it would stand in a file. */
  static String written(Duration duration) {
    return duration.toMillisPart() == 0 ? duration.toSeconds() + "s" : duration.toMillis() + "ms";
  }

  private static String advice(Setting setting) {
    boolean scalar = setting.value() instanceof Long || setting.value() instanceof String;
    String number = scalar ? setting.value().toString() : "";
    return number.matches("[1-9][0-9]{0,8}") // more has no unit that would do
        ? "; write \"" + number + "s\" for seconds or \"" + number + "ms\" for milliseconds"
        : "";
  }

  private static Duration duration(String text) {
    Duration duration = parse(text);
    if (duration == null) {
      throw new IllegalArgumentException(text);
    }
    return duration;
  }

  private static @Nullable Duration parse(String text) {
    Matcher parts = DURATION.matcher(text);
    Duration unit = parts.matches() ? TIMES.get(parts.group(2)) : null;
    return unit == null ? null : unit.multipliedBy(Long.parseLong(parts.group(1)));
  }

  private static long bytes(String unit) {
    Long bytes = BYTES.get(unit);
    return bytes == null ? 0 : bytes;
  }
}
