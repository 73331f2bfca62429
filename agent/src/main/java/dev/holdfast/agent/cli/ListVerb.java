package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.time.Instant;
import picocli.CommandLine.Command;

/** Shows what the broker holds. */
@Command(
    name = "list",
    description = "Show the listeners, their leases, and what is stored.",
    footer = {
      "",
      "An empty cell is \"-\". QUEUE is how many connections wait, of how many that may.",
      "With --json: one object with listeners, leases and stored, as "
          + "dev.holdfast.Control.List has them.",
      "",
      "Examples:",
      "  holdfast list",
      "  holdfast list --json | jq -r '.listeners[].endpoint'"
    })
final class ListVerb extends Verb {

  @Override
  String attempted() {
    return "list";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    JsonObject reply;
    try (Broker broker = connect(surroundings)) {
      reply = broker.listing();
    }
    if (json) {
      surroundings.print(reply.toString());
      return ExitCode.OK;
    }
    surroundings.print(Listing.listeners(reply.objects("listeners")).toString());
    if (!reply.objects("leases").isEmpty()) {
      surroundings.print("\n" + Listing.leases(reply.objects("leases"), Instant.now()));
    }
    if (!reply.objects("stored").isEmpty()) {
      surroundings.print("\n" + Listing.stored(reply.objects("stored")));
    }
    return ExitCode.OK;
  }
}
