package dev.holdfast.broker.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Checkout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Collects the figures of one benchmark, fails it where a goal is missed, and has all figures of
 * the run printed together at its end.
 *
 * <p>Register it as a field: {@code @RegisterExtension final Report report = new Report();}
 */
final class Report implements BeforeEachCallback, AfterEachCallback {
  private Whole whole = new Whole();
  private final List<String> missed = new ArrayList<>();

  /** The lines of all benchmarks; JUnit closes it after the last one. */
  private static final class Whole implements AutoCloseable {
    private final List<String> lines = new ArrayList<>();

    @Override
    public void close() throws IOException {
      String text = String.join("\n", lines) + "\n";
      Path file = Path.of("target", "bench-report.txt");
      Files.writeString(file, text, StandardCharsets.UTF_8);
      System.out.println("\nBenchmarks, also in " + file.toAbsolutePath() + "\n" + text);
    }
  }

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    whole =
        context
            .getRoot()
            .getStore(ExtensionContext.Namespace.create(Report.class))
            .getOrComputeIfAbsent(Whole.class, key -> new Whole(), Whole.class);
    whole.lines.add("");
    whole.lines.add(
        context.getDisplayName().replace("()", "")
            + "   [Java "
            + version(Checkout.JAVA_HOME)
            + ", load "
            + Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0]
            + " at its start]");
  }

  @Override
  public void afterEach(ExtensionContext context) {
    if (context.getExecutionException().isPresent()) {
      whole.lines.add("  BROKEN  " + context.getExecutionException().get());
    }
    assertThat(missed).as("goals missed").isEmpty();
  }

  /** The median of one side over the median of the other. */
  void ratio(String what, Samples measured, Samples yardstick, Goal goal) {
    double ratio = measured.median() / yardstick.median();
    judge(
        String.format(
            Locale.ROOT,
            "%s: %.2f× (pairs %.2f–%.2f), goal %s×\n          %s against %s",
            what,
            ratio,
            measured.lowestRatio(yardstick),
            measured.highestRatio(yardstick),
            goal,
            measured,
            yardstick),
        goal.isMetBy(ratio));
  }

  /** The figure itself. */
  void value(String what, Samples measured, Goal goal) {
    judge(what + ": " + measured + ", goal " + goal, goal.isMetBy(measured.median()));
  }

  /** A figure without a goal. */
  void note(String line) {
    whole.lines.add("          " + line);
  }

  private void judge(String line, boolean isMet) {
    whole.lines.add((isMet ? "  met     " : "  MISSED  ") + line);
    if (!isMet) {
      missed.add(line);
    }
  }

  static String version(Path javaHome) throws IOException {
    return Files.readAllLines(javaHome.resolve("release")).stream()
        .filter(line -> line.startsWith("JAVA_VERSION="))
        .map(line -> line.replaceAll("[^0-9.]", ""))
        .findFirst()
        .orElse("?");
  }
}
