package dev.holdfast.agent.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;

/** The command with every verb at once, for help and completion alone: it is slow to build. */
final class AllVerbs {

  @Command(name = "holdfast")
  private static final class Top {}

  private AllVerbs() {}

  static CommandLine commandLine() {
    CommandLine top = new CommandLine(new Top());
    top.setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF));
    for (String name : Verbs.NAMES) {
      Verb verb = Verbs.create(name);
      if (verb != null) {
        top.addSubcommand(name, verb);
      }
    }
    return top;
  }

  /** Each verb with the one line that describes it. */
  static Map<String, String> summaries() {
    Map<String, String> summaries = new LinkedHashMap<>();
    commandLine()
        .getSubcommands()
        .forEach(
            (name, line) ->
                summaries.put(
                    name, String.join(" ", line.getCommandSpec().usageMessage().description())));
    return summaries;
  }
}
