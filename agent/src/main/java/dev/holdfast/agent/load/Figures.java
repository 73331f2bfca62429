package dev.holdfast.agent.load;

import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** How the figures of a load are written, the same in each report. */
public final class Figures {

  private Figures() {}

  /** {@code 162,581}. */
  public static String grouped(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** {@code 1.1 ms}. */
  public static String millis(Duration time) {
    return String.format(Locale.ROOT, "%.1f ms", time.toNanos() / 1e6);
  }

  /** {@code 8.0 s}. */
  public static String seconds(Duration time) {
    return String.format(Locale.ROOT, "%.1f s", time.toMillis() / 1000.0);
  }

  /** {@code 2 reset, 1 cut}; empty when there are none. */
  public static String kinds(Map<Outcome, Long> lost) {
    return lost.entrySet().stream()
        .map(entry -> grouped(entry.getValue()) + " " + entry.getKey().words())
        .collect(Collectors.joining(", "));
  }
}
