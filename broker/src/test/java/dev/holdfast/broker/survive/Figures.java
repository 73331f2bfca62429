package dev.holdfast.broker.survive;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** How long something took, each time. */
final class Figures {
  private final List<Duration> all = new ArrayList<>();

  void add(Duration one) {
    all.add(one);
  }

  @Override
  public String toString() {
    if (all.isEmpty()) {
      return "never";
    }
    List<Duration> sorted = all.stream().sorted().toList();
    return String.format(
        "median %d ms, longest %d ms of %d",
        sorted.get(sorted.size() / 2).toMillis(),
        sorted.get(sorted.size() - 1).toMillis(),
        sorted.size());
  }
}
