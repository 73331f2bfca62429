package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Prints a script that teaches a shell the verbs and options. */
@Command(
    name = "completion",
    description = "Print a completion script for a shell.",
    footer = {
      "",
      "With --json: an object with shell and script.",
      "",
      "Examples:",
      "  source <(holdfast completion bash)",
      "  holdfast completion zsh > ~/.holdfast-completion; echo 'source ~/.holdfast-completion' >> ~/.zshrc"
    })
final class CompletionVerb extends Verb {

  /** The shells, in the order in which help names them. */
  enum Shell {
    bash,
    zsh
  }

  @Parameters(paramLabel = "bash|zsh", description = "The shell.")
  Shell shell = Shell.bash;

  @Override
  String attempted() {
    return "completion";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure {
    // The script turns on bash's completion functions by itself where zsh reads it.
    String script = AutoComplete.bash("holdfast", AllVerbs.commandLine());
    surroundings.print(
        json
            ? JsonObject.of("shell", shell.toString(), "script", script).toString()
            : script.stripTrailing());
    return ExitCode.OK;
  }
}
