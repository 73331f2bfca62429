package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.LoadReport;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;

/** One block of lines on a terminal, written over and over. */
public final class BlockView extends View {

  private static final Duration BETWEEN = Duration.ofMillis(200);
  private static final int COLUMNS = 79; // a line that wraps would not be found again
  private static final int LONGEST_BAR = 40;
  private static final int EVENTS = 3;

  private final PrintStream out;
  private Duration shown = Duration.ZERO;
  private Duration began = Duration.ZERO;
  private long servedThen;
  private long rate;
  private int lines;

  public BlockView(PrintStream out) {
    this.out = out;
  }

  /** Before the load there is no block; during it the scene has the events. */
  @Override
  void say(String event) {
    if (lines == 0) {
      out.println(event);
      out.flush();
    }
  }

  @Override
  void show(Scene scene) {
    if (lines == 0 || scene.load().elapsed().minus(shown).compareTo(BETWEEN) >= 0) {
      draw(scene);
    }
  }

  @Override
  void end(Scene scene) {
    draw(scene);
  }

  private void draw(Scene scene) {
    LoadReport load = scene.load();
    shown = load.elapsed();
    if (shown.minus(began).compareTo(Duration.ofMillis(900)) >= 0) {
      rate = rate(load, servedThen, began);
      began = shown;
      servedThen = load.served();
    }
    StringBuilder block = new StringBuilder();
    if (lines > 0) {
      block.append("\033[").append(lines).append("A\033[J"); // back up, and clear to the end
    }
    lines = 0;
    line(block, "");
    line(
        block,
        seconds(shown)
            + (rate == 0 ? "" : "   " + grouped(rate) + " connections a second")
            + "   "
            + lost(load));
    long most = 1;
    for (long count : load.byWorker().values()) {
      most = Math.max(most, count);
    }
    for (Worker worker : scene.workers()) {
      long count = load.byWorker().getOrDefault(worker.name(), 0L);
      String bar = "#".repeat((int) (count * LONGEST_BAR / most));
      line(
          block,
          String.format("  %-10s %9s  %s %s", worker.name(), grouped(count), bar, worker.end()));
    }
    line(block, "");
    List<String> events = scene.events();
    for (String event : events.subList(Math.max(0, events.size() - EVENTS), events.size())) {
      line(block, "  " + event);
    }
    out.print(block);
    out.flush();
  }

  private void line(StringBuilder block, String text) {
    String cut = text.substring(0, Math.min(text.length(), COLUMNS));
    block.append(cut.stripTrailing()).append('\n');
    lines++;
  }
}
