package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import picocli.CommandLine.Command;

/** Stops the workers of a service. */
@Command(
    name = "stop",
    description = "Ask the workers of a service to finish, and start no others.",
    footer = {
      "",
      "Its listeners stay: connections wait in their queues until `holdfast start`. Workers "
          + "that do not finish in their time are killed.",
      "Prints each step as it happens, and what it came to. Ctrl-C ends the printing; what was "
          + "asked goes on.",
      "With --json: an object for each step, as dev.holdfast.Control.Step has it.",
      "",
      "Examples:",
      "  holdfast stop shop"
    })
final class StopVerb extends ServiceVerb {

  @Override
  String attempted() {
    return "stop " + service;
  }

  @Override
  String method() {
    return "Stop";
  }

  @Override
  void ask(JsonObject.Builder request) {
    // the service is all there is to say
  }
}
