package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Asks a worker to finish. */
@Command(
    name = "drain",
    description = "Ask the holder of a lease to accept no more, and to finish what it has.",
    footer = {
      "",
      "Does not wait; `holdfast watch` shows when it is done. At the deadline the lease is "
          + "revoked.",
      "Prints nothing. With --json: an object with lease and, if given, deadlineUsec.",
      "",
      "Examples:",
      "  holdfast drain t5q0ab-17 --deadline 10s",
      "  holdfast drain $(holdfast list --json | jq -r '.leases[0].lease')"
    })
final class DrainVerb extends Verb {

  @Parameters(paramLabel = "LEASE", description = "As `holdfast list` shows it.")
  String lease = "";

  @Option(
      names = "--deadline",
      paramLabel = "TIME",
      description = "How long it has: 500ms, 10s, 2m, 1h (default: as long as it takes).")
  @Nullable String deadline;

  @Override
  String attempted() {
    return "drain " + lease;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    String deadlineUsec = deadline == null ? null : moment(Durations.parse("--deadline", deadline));
    JsonObject request = JsonObject.of("lease", lease, "deadlineUsec", deadlineUsec);
    try (Broker broker = connect(surroundings)) {
      broker.call("dev.holdfast.Control.Drain", request);
    }
    if (json) {
      surroundings.print(request.toString());
    }
    return ExitCode.OK;
  }

  private static String moment(Duration fromNow) {
    return Long.toString(ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now().plus(fromNow)));
  }
}
