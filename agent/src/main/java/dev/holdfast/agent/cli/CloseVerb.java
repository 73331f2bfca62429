package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Closes a listener. */
@Command(
    name = "close",
    description = "Close a listener and forget its name.",
    footer = {
      "",
      "Its leases are revoked. Workers that still have the socket keep it, and connections "
          + "go on.",
      "Prints nothing. With --json: an object with name.",
      "",
      "Examples:",
      "  holdfast close web"
    })
final class CloseVerb extends Verb {

  @Parameters(paramLabel = "NAME", description = "The listener.")
  String name = "";

  @Override
  String attempted() {
    return "close " + name;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    try (Broker broker = connect(surroundings)) {
      broker.call("dev.holdfast.Control.Close", JsonObject.of("name", name));
    }
    if (json) {
      surroundings.print(JsonObject.of("name", name).toString());
    }
    return ExitCode.OK;
  }
}
