package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Changes how many workers a service has. */
@Command(
    name = "scale",
    description = "Have N workers of a service run from now on.",
    footer = {
      "",
      "N is 1 to 1000; `holdfast stop` is for none. Workers that are too many are asked to "
          + "finish what they have.",
      "Prints each step as it happens, and what it came to. Ctrl-C ends the printing; what was "
          + "asked goes on.",
      "With --json: an object for each step, as dev.holdfast.Control.Step has it.",
      "",
      "Examples:",
      "  holdfast scale shop 4"
    })
final class ScaleVerb extends ServiceVerb {

  private static final int MOST = 1000;

  @Parameters(index = "1", paramLabel = "N", description = "How many.")
  int count;

  @Override
  String attempted() {
    return "scale " + service + " " + count;
  }

  @Override
  String method() {
    return "Scale";
  }

  @Override
  void ask(JsonObject.Builder request) throws Failure {
    if (count == 0) {
      throw new Failure(
          ExitCode.USAGE, attempted() + ": to have none, use `holdfast stop " + service + "`");
    }
    if (count < 1 || count > MOST) {
      throw new Failure(ExitCode.USAGE, attempted() + ": a service has 1 to " + MOST + " workers");
    }
    request.put("count", count);
  }
}
