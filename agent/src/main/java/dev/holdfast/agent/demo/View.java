package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.Figures;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.Outcome;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.Collectors;

/** Shows the demonstration while it runs. Called by the directing thread, many times a second. */
public abstract class View {

  View() {}

  /** Something happened, outside of the load or in it. */
  void say(String event) {}

  /** The load goes on. Shows it when it is time to. */
  void show(Scene scene) {}

  /** The load has ended; what is printed from now on is the result. */
  void end(Scene scene) {}

  /** Shows nothing. */
  public static View none() {
    return new View() {};
  }

  static String kind(Outcome outcome) {
    return outcome.words();
  }

  static String lost(LoadReport load) {
    return load.lost() == 0
        ? "lost 0"
        : load.lostByKind().entrySet().stream()
            .map(entry -> entry.getValue() + " " + kind(entry.getKey()))
            .collect(Collectors.joining(", ", "lost ", ""));
  }

  static String seconds(Duration elapsed) {
    return String.format(Locale.ROOT, "%4.1f s", elapsed.toMillis() / 1000.0);
  }

  static String grouped(long number) {
    return Figures.grouped(number);
  }

  /** How many were served in a second since an earlier report. */
  static long rate(LoadReport now, long servedBefore, Duration before) {
    long nanoseconds = now.elapsed().minus(before).toNanos();
    return nanoseconds <= 0 ? 0 : Math.round((now.served() - servedBefore) * 1e9 / nanoseconds);
  }
}
