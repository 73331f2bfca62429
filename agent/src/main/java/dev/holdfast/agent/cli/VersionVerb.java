package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import picocli.CommandLine.Command;

/** Prints which version this is. */
@Command(
    name = "version",
    description = "Print the version of this command; also --version.",
    footer = {
      "",
      "`holdfast status` has the broker's. With --json: an object with version.",
      "",
      "Examples:",
      "  holdfast --version"
    })
final class VersionVerb extends Verb {

  /** The project's; a test holds it against the build. */
  static final String VERSION = "0.1.0";

  @Override
  String attempted() {
    return "version";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure {
    surroundings.print(json ? JsonObject.of("version", VERSION).toString() : "holdfast " + VERSION);
    return ExitCode.OK;
  }
}
