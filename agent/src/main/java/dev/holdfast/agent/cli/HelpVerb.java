package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Parameters;

/** Explains the command, or one verb of it. */
@Command(
    name = "help",
    description = "List the verbs, or explain one.",
    footer = {
      "",
      "With --json: an object with verbs, each with name and summary, or with verb and text.",
      "",
      "Examples:",
      "  holdfast help",
      "  holdfast help exec"
    })
final class HelpVerb extends Verb {

  @Parameters(paramLabel = "VERB", arity = "0..1", description = "The verb to explain.")
  @Nullable String of;

  @Override
  String attempted() {
    return "help";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure {
    String name = of;
    if (name == null) {
      surroundings.print(json ? overviewJson() : overview());
      return ExitCode.OK;
    }
    Verb verb = Verbs.create(name);
    if (verb == null) {
      throw new Failure(
          ExitCode.USAGE, "help " + name + ": there is no such verb; `holdfast help` lists them");
    }
    String text = Parser.commandLine(verb, name).getUsageMessage(Ansi.OFF).stripTrailing();
    surroundings.print(json ? JsonObject.of("verb", name, "text", text).toString() : text);
    return ExitCode.OK;
  }

  private static String overviewJson() {
    List<JsonObject> verbs = new ArrayList<>();
    AllVerbs.summaries()
        .forEach((name, summary) -> verbs.add(JsonObject.of("name", name, "summary", summary)));
    return JsonObject.of("verbs", verbs).toString();
  }

  private static String overview() {
    StringBuilder text = new StringBuilder("Usage: holdfast VERB [OPTION]... [ARG]...\n");
    text.append("Bind once. Hand the socket out. Restart anything, lose nothing.\n\nVerbs:\n");
    Map<String, String> summaries = AllVerbs.summaries();
    int width = 0;
    for (String name : summaries.keySet()) {
      width = Math.max(width, name.length());
    }
    for (Map.Entry<String, String> verb : summaries.entrySet()) {
      String padding = " ".repeat(width - verb.getKey().length());
      text.append("  ").append(verb.getKey()).append(padding).append("  ");
      text.append(verb.getValue()).append('\n');
    }
    text.append("\nEvery verb takes --help (with examples), --json and --socket PATH.\n");
    text.append("\nExit codes:\n");
    for (ExitCode code : ExitCode.values()) {
      String number = Integer.toString(code.number());
      text.append(" ".repeat(5 - number.length())).append(number).append("  ");
      text.append(code.meaning()).append('\n');
    }
    text.append(
        "\nHOLDFAST_SOCKET names the broker's socket; HOLDFAST_DEBUG=1 adds traces to errors.");
    return text.toString();
  }
}
