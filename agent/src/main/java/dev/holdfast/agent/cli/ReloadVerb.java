package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.util.List;
import picocli.CommandLine.Command;

/** Makes the broker follow its changed configuration. */
@Command(
    name = "reload",
    description = "Have the broker read its configuration again, and follow what changed.",
    footer = {
      "",
      "Listeners that did not change are not touched. A configuration with an error "
          + "changes nothing, and the error is printed with file and line (exit code 78).",
      "Prints a line for each change. With --json: an object with added, changed and removed listeners, "
          + "and services with the same.",
      "",
      "Examples:",
      "  holdfast reload"
    })
final class ReloadVerb extends Verb {

  @Override
  String attempted() {
    return "reload";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    JsonObject reply;
    try (Broker broker = connect(surroundings)) {
      reply = broker.call("dev.holdfast.Control.Reload", JsonObject.EMPTY);
    }
    if (json) {
      surroundings.print(reply.toString());
      return ExitCode.OK;
    }
    int changes =
        print(surroundings, reply, "") + print(surroundings, reply.object("services"), "service ");
    if (changes == 0) {
      surroundings.print("nothing changed");
    }
    return ExitCode.OK;
  }

  private static int print(Surroundings surroundings, JsonObject changes, String what)
      throws Failure {
    int count = 0;
    for (String change : List.of("added", "changed", "removed")) {
      for (String name : changes.strings(change)) {
        surroundings.print(change + " " + what + name);
        count++;
      }
    }
    return count;
  }
}
