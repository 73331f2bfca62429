package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadReport;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * How the demonstration went.
 *
 * @param kernel what the kernel counted meanwhile, for all listeners of this host; empty where it
 *     does not tell
 * @param directory where the logs are, if they are kept
 */
public record DemoReport(
    LoadReport load,
    List<Server> workers,
    Losses losses,
    Optional<KernelCounters> kernel,
    Optional<Path> directory) {

  /** One worker, what it served, and how it ended. */
  record Server(String name, String program, long pid, long served, String end) {}

  public DemoReport {
    workers = List.copyOf(workers);
  }

  /** Whether everything that was queued was served. */
  public boolean nothingQueuedWasLost() {
    return losses.queued() == 0;
  }

  /** As a table for people. */
  public String text() {
    return ReportText.of(this);
  }

  /** As one line for programs. */
  public String json() {
    return ReportJson.of(this).toString();
  }
}
