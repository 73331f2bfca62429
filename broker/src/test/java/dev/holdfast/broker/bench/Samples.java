package dev.holdfast.broker.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** One figure, measured several times. */
final class Samples {
  private final String unit;
  private final List<Double> values = new ArrayList<>();

  Samples(String unit) {
    this.unit = unit;
  }

  void add(double value) {
    values.add(value);
  }

  double median() {
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /** The lowest for each pair that was measured side by side, over the other's. */
  double lowestRatio(Samples yardstick) {
    return ratios(yardstick).stream().mapToDouble(each -> each).min().orElseThrow();
  }

  double highestRatio(Samples yardstick) {
    return ratios(yardstick).stream().mapToDouble(each -> each).max().orElseThrow();
  }

  private List<Double> ratios(Samples yardstick) {
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < Math.min(values.size(), yardstick.values.size()); i++) {
      ratios.add(values.get(i) / yardstick.values.get(i));
    }
    return ratios;
  }

  /** As {@code 41.2 µs (39.9–44.0)}. */
  @Override
  public String toString() {
    List<Double> sorted = values.stream().sorted().toList();
    String text = number(median()) + " " + unit;
    return sorted.size() == 1
        ? text
        : text + " (" + number(sorted.get(0)) + "–" + number(sorted.get(sorted.size() - 1)) + ")";
  }

  static String number(double value) {
    return String.format(
        Locale.ROOT, value >= 1000 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
  }
}
