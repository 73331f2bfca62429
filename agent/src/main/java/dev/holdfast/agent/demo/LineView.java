package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.LoadReport;
import java.io.PrintStream;
import java.time.Duration;

/** A line a second, for files and pipes. */
public final class LineView extends View {

  private final PrintStream out;
  private Duration shown = Duration.ZERO;
  private long served;

  public LineView(PrintStream out) {
    this.out = out;
  }

  @Override
  void say(String event) {
    out.println("        " + event);
    out.flush();
  }

  @Override
  void show(Scene scene) {
    if (scene.load().elapsed().minus(shown).compareTo(Duration.ofSeconds(1)) >= 0) {
      line(scene);
    }
  }

  @Override
  void end(Scene scene) {
    if (scene.load().served() > served) {
      line(scene);
    }
  }

  private void line(Scene scene) {
    LoadReport load = scene.load();
    StringBuilder line = new StringBuilder(seconds(load.elapsed()));
    line.append("  ").append(grouped(rate(load, served, shown))).append("/s ");
    for (Worker worker : scene.workers()) {
      line.append(' ').append(worker.name()).append(' ');
      line.append(grouped(load.byWorker().getOrDefault(worker.name(), 0L)));
    }
    out.println(line.append("  ").append(lost(load)));
    out.flush();
    shown = load.elapsed();
    served = load.served();
  }
}
