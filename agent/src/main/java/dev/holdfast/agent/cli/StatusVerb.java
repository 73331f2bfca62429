package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.time.Instant;
import java.util.List;
import picocli.CommandLine.Command;

/** Shows how the broker and its listeners are. */
@Command(
    name = "status",
    description = "Show how the broker is, and how its listeners fare.",
    footer = {
      "",
      "DROPS: connections the kernel dropped because the queue was full. HEALED: how often "
          + "a listener had to be made to listen again; FLAGS, BACKLOG: how often O_NONBLOCK and "
          + "the backlog were set back.",
      "With --json: one object with broker, as dev.holdfast.Control.Status has it, and "
          + "listeners.",
      "",
      "Examples:",
      "  holdfast status",
      "  holdfast status --json | jq .broker.leases"
    })
final class StatusVerb extends Verb {

  @Override
  String attempted() {
    return "status";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    JsonObject status;
    List<JsonObject> listeners;
    try (Broker broker = connect(surroundings)) {
      status = broker.call("dev.holdfast.Control.Status", JsonObject.EMPTY);
      listeners = broker.listing().objects("listeners");
    }
    if (json) {
      surroundings.print(JsonObject.of("broker", status, "listeners", listeners).toString());
      return ExitCode.OK;
    }
    Instant started = Listing.moment(status.string("startedUsec"));
    surroundings.print(
        new Table("BROKER", "holdfastd " + status.string("version"))
            .row("pid", status.integer("pid"))
            .row("uid", status.integer("uid"))
            .row("socket", status.string("socket"))
            .row("state", status.string("stateDirectory"))
            .row("config", status.optionalString("config").orElse(""))
            .row(
                "up",
                Listing.age(status.string("startedUsec"), Instant.now()) + " since " + started)
            .row("listeners", status.integer("listeners"))
            .row("leases", status.integer("leases"))
            .row("stored", status.integer("stored"))
            .row("connections", status.integer("connections"))
            .row(
                "descriptors",
                status.integer("openDescriptors") + " of " + status.integer("descriptorLimit"))
            .row("somaxconn", status.integer("somaxconn"))
            .toString());
    if (!listeners.isEmpty()) {
      surroundings.print("\n" + Listing.health(listeners));
    }
    return ExitCode.OK;
  }
}
