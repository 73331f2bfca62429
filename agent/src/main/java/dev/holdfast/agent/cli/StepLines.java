package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The steps of one restart, scale, stop, start or upgrade in words, a line for each; the last sums
 * up.
 */
final class StepLines {

  private static final int WIDEST = "draining".length();

  private final String attempted;
  private final int widest;
  private @Nullable Instant began;
  private int started;
  private int gone;
  private int killed;

  /** For steps of a service. */
  StepLines(String attempted) {
    this(attempted, WIDEST);
  }

  /** For steps whose longest word has so many letters; only those of workers are counted. */
  StepLines(String attempted, int widest) {
    this.attempted = attempted;
    this.widest = widest;
  }

  /** {@code 0.42s ready worker 7 pid 1234: seen waiting on web}, in columns. */
  String next(JsonObject step) {
    Instant at = Listing.moment(step.string("atUsec"));
    if (began == null) {
      began = at; // the broker's clock, not ours: the first step happened when we were not there
    }
    double seconds = Math.max(0, Duration.between(began, at).toMillis()) / 1000.0;
    String kind = step.string("step");
    switch (step.has("worker") ? kind : "") {
      case "started" -> started++;
      case "gone" -> gone++;
      case "killed" -> killed++;
      default -> {
        // nothing to count
      }
    }
    String message = unlessSaid(kind, Printable.line(step.string("message")));
    return kind.equals("done") ? summary(seconds, message) : line(seconds, kind, step, message);
  }

  private String line(double seconds, String kind, JsonObject step, String message) {
    String about =
        step.optionalString("worker").map(worker -> "worker " + worker).orElse("")
            + (step.has("pid") ? " pid " + step.integer("pid") : "");
    String words = about + (about.isEmpty() || message.isEmpty() ? "" : ": ") + message;
    return String.format(
            Locale.ROOT, "%7.2fs  %s%s  %s", seconds, kind, " ".repeat(pad(kind)), words.strip())
        .stripTrailing();
  }

  /** The kind stands in front already. */
  private static String unlessSaid(String kind, String message) {
    String repeated = kind + ": ";
    return message.equals(kind)
        ? ""
        : message.startsWith(repeated) ? message.substring(repeated.length()) : message;
  }

  private int pad(String kind) {
    return Math.max(0, widest - kind.length());
  }

  private String summary(double seconds, String message) {
    List<String> counts = new ArrayList<>();
    count(counts, started, "started");
    count(counts, gone, "gone");
    count(counts, killed, "killed");
    return attempted
        + ": done in "
        + String.format(Locale.ROOT, "%.2fs", seconds)
        + (counts.isEmpty() ? "" : " (" + String.join(", ", counts) + ")")
        + (message.isEmpty() ? "" : ": " + message);
  }

  private static void count(List<String> counts, int number, String what) {
    if (number > 0) {
      counts.add(number + " " + what);
    }
  }
}
