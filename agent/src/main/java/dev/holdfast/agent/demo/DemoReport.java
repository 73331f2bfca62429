package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadReport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How the demonstration went.
 *
 * @param kernel what the kernel counted meanwhile, for all listeners of this host; empty where it
 *     does not tell
 * @param recovery what became of it all when the broker was killed
 * @param directory where the logs are, if they are kept
 */
public record DemoReport(
    LoadReport load,
    List<Server> workers,
    Losses losses,
    Optional<KernelCounters> kernel,
    Recovery recovery,
    Optional<Path> directory) {

  /**
   * The broker's own death, and what the next one found.
   *
   * @param killed its pid
   * @param successor the pid of the one that was started after it
   * @param inode of the listening socket, the same before and after; 0 where /proc does not tell
   * @param workers the pids that served before and after
   * @param took from its start until it had the listener and all leases again
   */
  public record Recovery(
      long killed, long successor, long inode, List<Long> workers, Duration took) {
    public Recovery {
      workers = List.copyOf(workers);
    }
  }

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
