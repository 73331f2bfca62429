package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import picocli.CommandLine.Command;

/** Follows what happens at the broker, until one of the two is stopped. */
@Command(
    name = "watch",
    description = "Show what is there, then each event as it happens, until interrupted.",
    footer = {
      "",
      "With --json: first an object with listeners and leases, then one with event for "
          + "each event, as dev.holdfast.Control.Watch has them.",
      "",
      "Examples:",
      "  holdfast watch",
      "  holdfast watch --json | jq --unbuffered -r 'select(.event.kind == \"leaseEnded\") | .event.lease'"
    })
final class WatchVerb extends Verb {

  @Override
  String attempted() {
    return "watch";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    try (Broker broker = connect(surroundings)) {
      try (ReplyStream replies = broker.stream("dev.holdfast.Control.Watch", JsonObject.EMPTY)) {
        while (!replies.ended()) {
          Optional<JsonObject> reply = replies.next(null);
          if (reply.isPresent()) {
            show(reply.get(), surroundings);
          }
        }
        return ExitCode.OK;
      } catch (IOException e) {
        throw broker.broken(e);
      }
    }
  }

  private void show(JsonObject reply, Surroundings surroundings) throws Failure {
    if (json) {
      surroundings.print(reply.toString());
      return;
    }
    if (reply.has("listeners")) {
      surroundings.print(Listing.listeners(reply.objects("listeners")).toString());
    }
    if (reply.optionalObjects("leases").filter(leases -> !leases.isEmpty()).isPresent()) {
      surroundings.print("\n" + Listing.leases(reply.objects("leases"), Instant.now()));
    }
    if (reply.has("event")) {
      surroundings.print(line(reply.object("event")));
    }
  }

  /** One event on one line: moment, kind, name, lease, words. */
  static String line(JsonObject event) {
    return Listing.moment(event.string("atUsec")).truncatedTo(ChronoUnit.MILLIS)
        + " "
        + event.string("kind")
        + event.optionalString("name").map(name -> " " + name).orElse("")
        + event.optionalString("lease").map(lease -> " lease=" + lease).orElse("")
        + ": "
        + event.string("message");
  }
}
