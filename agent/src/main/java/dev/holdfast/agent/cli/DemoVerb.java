package dev.holdfast.agent.cli;

import dev.holdfast.agent.demo.BlockView;
import dev.holdfast.agent.demo.Demo;
import dev.holdfast.agent.demo.DemoException;
import dev.holdfast.agent.demo.DemoPlan;
import dev.holdfast.agent.demo.DemoReport;
import dev.holdfast.agent.demo.LineView;
import dev.holdfast.agent.demo.View;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Shows what all this is for. */
@Command(
    name = "demo",
    description = "Watch workers being killed and restarted under load, with nothing queued lost.",
    sortOptions = false,
    footer = {
      "",
      "Starts a broker of its own on a free port of 127.0.0.1, two JVMs that take the listener by "
          + "the library, and two other programs by `holdfast exec`; then a load. One worker is "
          + "killed with -9 and replaced, one is restarted and drained; at last the broker itself is "
          + "killed with -9 and started again, and finds its listener and all workers as they were. A "
          + "table says what was served by whom, and what was lost. At the end, and after Ctrl-C, all "
          + "is gone again. "
          + "No broker that is running is touched, so there is nothing to say with --socket.",
      "",
      "Exit code: 0, or 1 when anything that was queued was lost. With --json: one object at the "
          + "end, with millis, served, perSecond, workers, lost (queued, withKilledWorker, "
          + "undecided, byKind), latencyMicros, kernel, directory (if kept).",
      "",
      "Examples:",
      "  holdfast demo",
      "  holdfast demo --seconds 30 --connections 256",
      "  holdfast demo --json | jq .lost"
    })
final class DemoVerb extends Verb {

  @Option(
      names = "--seconds",
      paramLabel = "N",
      description = "How long the load goes on, 2 to 300 (default: ${DEFAULT-VALUE}).",
      defaultValue = "8")
  int seconds;

  @Option(
      names = "--connections",
      paramLabel = "C",
      description = "How many are in flight at a time, 4 to 512 (default: ${DEFAULT-VALUE}).",
      defaultValue = "64")
  int connections;

  @Option(names = "--keep", description = "Keep its directory, with all logs, and say where it is.")
  boolean keep;

  @Override
  String attempted() {
    return "demo";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure {
    if (socket != null) {
      throw new Failure(ExitCode.USAGE, "demo --socket: it starts a broker of its own");
    }
    check("--seconds", seconds, 2, 300);
    check("--connections", connections, 4, 512);
    DemoPlan plan =
        new DemoPlan(
            Duration.ofSeconds(seconds),
            connections,
            temporary(surroundings),
            keep,
            launcher("holdfast.command"),
            launcher("holdfast.broker"));
    try {
      DemoReport report = Demo.run(plan, view(surroundings));
      surroundings.print(json ? report.json() : "\n" + report.text());
      return report.nothingQueuedWasLost() ? ExitCode.OK : ExitCode.REFUSED;
    } catch (DemoException.Interrupted e) {
      throw new Failure(ExitCode.INTERRUPTED, "demo: " + e.getMessage() + "; all is gone again", e);
    } catch (DemoException e) {
      if (!json) {
        e.details().forEach(surroundings.err()::println);
      }
      throw new Failure(ExitCode.SYSTEM, "demo: " + e.getMessage() + shown(e), e);
    }
  }

  private String shown(DemoException e) {
    if (e.details().isEmpty()) {
      return "";
    }
    return json ? ": " + String.join(" | ", e.details()) : "; the end of its log is above";
  }

  private static void check(String option, int value, int least, int most) throws Failure {
    if (value < least || value > most) {
      throw new Failure(
          ExitCode.USAGE, "demo " + option + " " + value + ": from " + least + " to " + most);
    }
  }

  /** As mktemp(1) has it; java.io.tmpdir does not follow TMPDIR. */
  private static Path temporary(Surroundings surroundings) {
    String named = surroundings.environment().getOrDefault("TMPDIR", "");
    return Path.of(named.isEmpty() ? System.getProperty("java.io.tmpdir", "/tmp") : named);
  }

  /** The launcher says where both are, in a checkout and installed. */
  private static Path launcher(String property) throws Failure {
    String path = System.getProperty(property, "");
    if (path.isEmpty() || !Files.isExecutable(Path.of(path))) {
      throw new Failure(
          ExitCode.CONFIG,
          "demo: "
              + (path.isEmpty()
                  ? "the launcher did not say where the programs are"
                  : path + " is missing")
              + "; start it by bin/holdfast, with holdfastd installed beside it");
    }
    return Path.of(path);
  }

  private View view(Surroundings surroundings) {
    if (json) {
      return View.none();
    }
    return surroundings.drawsOnTerminal()
        ? new BlockView(surroundings.out())
        : new LineView(surroundings.out());
  }
}
