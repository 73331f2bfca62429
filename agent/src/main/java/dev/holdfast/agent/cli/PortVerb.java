package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.util.OptionalLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Prints a port and nothing else, for scripts. */
@Command(
    name = "port",
    description = "Print the port of a listener, the number alone; 0 when it is stopped.",
    footer = {
      "",
      "A listener without a port, a Unix socket, is refused with exit code 1.",
      "With --json: an object with name, port and endpoint.",
      "",
      "Examples:",
      "  curl http://localhost:$(holdfast port web)/"
    })
final class PortVerb extends Verb {

  @Parameters(paramLabel = "NAME", description = "The listener.")
  String name = "";

  @Override
  String attempted() {
    return "port " + name;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    JsonObject reply;
    try (Broker broker = connect(surroundings)) {
      reply = broker.listing();
    }
    for (JsonObject listener : reply.objects("listeners")) {
      if (listener.string("name").equals(name)) {
        print(listener, surroundings);
        return ExitCode.OK;
      }
    }
    throw WireErrors.failure(
        attempted(),
        new VarlinkException("dev.holdfast.Control.NoSuchListener", JsonObject.of("name", name)));
  }

  private void print(JsonObject listener, Surroundings surroundings) throws Failure {
    String endpoint = listener.optionalString("endpoint").orElse("");
    OptionalLong port = listener.optionalInteger("port");
    if (port.isEmpty()) {
      throw new Failure(
          ExitCode.REFUSED,
          attempted()
              + ": it has no port: "
              + (endpoint.isEmpty()
                  ? listener.string("state") + " " + listener.optionalString("message").orElse("")
                  : "it is bound to " + endpoint));
    }
    surroundings.print(
        json
            ? JsonObject.of(
                    "name",
                    name,
                    "port",
                    port.getAsLong(),
                    "endpoint",
                    endpoint.isEmpty() ? null : endpoint)
                .toString()
            : Long.toString(port.getAsLong()));
  }
}
