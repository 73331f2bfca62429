package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Puts another broker in the place of the one that runs. */
@Command(
    name = "upgrade",
    description = "Replace the broker by a newer one, while everything goes on.",
    sortOptions = false,
    footer = {
      "",
      "A second holdfastd is started, and gets all listeners with their queues, all leases, "
          + "services and workers, what is stored, the control socket and the connections to it. "
          + "The old one serves until the new one has everything and is ready; if that fails it "
          + "serves on, and the reason is printed (exit code 1). No worker notices.",
      "Only root and the broker's own user may. Without --program, install the new version where "
          + "the running one was started from.",
      "Prints each step as it happens, and what it came to. Ctrl-C ends the printing; the upgrade "
          + "goes on.",
      "With --json: an object for each step, as dev.holdfast.Control.UpgradeStep has it.",
      "",
      "Examples:",
      "  holdfast upgrade",
      "  holdfast upgrade --program /opt/holdfast-2/bin/holdfastd"
    })
final class UpgradeVerb extends Verb {

  private static final int WIDEST = "handedOver".length();

  @Option(
      names = "--program",
      paramLabel = "PATH",
      description = "The holdfastd to start (default: what the running one was started as).")
  @Nullable Path program;

  @Override
  String attempted() {
    return "upgrade";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    String path = program == null ? null : program.toAbsolutePath().normalize().toString();
    StepLines lines = new StepLines(attempted(), WIDEST);
    try (Broker broker = connect(surroundings)) {
      try (ReplyStream replies =
          broker.stream("dev.holdfast.Control.Upgrade", JsonObject.of("program", path))) {
        while (!replies.ended()) {
          Optional<JsonObject> reply = replies.next(null);
          if (reply.isPresent()) {
            JsonObject step = reply.get().object("step");
            surroundings.print(json ? step.toString() : lines.next(step));
          }
        }
        return ExitCode.OK;
      } catch (IOException e) {
        throw broker.broken(e);
      }
    }
  }
}
