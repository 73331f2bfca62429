package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.time.Instant;
import java.util.List;
import picocli.CommandLine.Command;

/** Shows what the broker holds. */
@Command(
    name = "list",
    description = "Show the listeners, their leases, the services, and what is stored.",
    footer = {
      "",
      "An empty cell is \"-\". QUEUE is how many connections wait, of how many that may. GEN "
          + "counts the restarts of a service, RESTARTS its workers that failed and were started "
          + "again.",
      "With --json: one object with listeners, leases, stored and services, as "
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
    List<JsonObject> services = reply.objects("services");
    if (!services.isEmpty()) {
      surroundings.print("\n" + Listing.services(services, Instant.now()));
      Table workers = Listing.workers(services, Instant.now());
      if (!workers.isEmpty()) {
        surroundings.print("\n" + workers);
      }
    }
    if (!reply.objects("stored").isEmpty()) {
      surroundings.print("\n" + Listing.stored(reply.objects("stored")));
    }
    return ExitCode.OK;
  }
}
