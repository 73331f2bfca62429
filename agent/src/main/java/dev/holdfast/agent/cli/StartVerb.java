package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import picocli.CommandLine.Command;

/** Starts the workers of a service that was stopped. */
@Command(
    name = "start",
    description = "Start the workers of a service that was stopped.",
    footer = {
      "",
      "Ends when all of them are ready. When one fails, the reason is printed with the last "
          + "lines that it wrote (exit code 1).",
      "Prints each step as it happens, and what it came to. Ctrl-C ends the printing; what was "
          + "asked goes on.",
      "With --json: an object for each step, as dev.holdfast.Control.Step has it.",
      "",
      "Examples:",
      "  holdfast start shop"
    })
final class StartVerb extends ServiceVerb {

  @Override
  String attempted() {
    return "start " + service;
  }

  @Override
  String method() {
    return "Start";
  }

  @Override
  void ask(JsonObject.Builder request) {
    // the service is all there is to say
  }
}
