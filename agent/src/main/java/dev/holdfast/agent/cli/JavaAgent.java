package dev.holdfast.agent.cli;

import dev.holdfast.jvm.AgentArgument;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Has the JVM that a program is, or starts, load the installed agent. Words are byte text. */
final class JavaAgent {

  private final AgentArgument argument;

  private JavaAgent(AgentArgument argument) {
    this.argument = argument;
  }

  /**
   * The agent of this installation.
   *
   * @throws Failure when there is none, or none that a JVM could load
   */
  static JavaAgent installed(String options) throws Failure {
    String jar = System.getProperty(AgentArgument.JAR_PROPERTY, "");
    if (jar.isEmpty()) {
      throw new Failure(
          ExitCode.CONFIG,
          "exec --javaagent: where the agent is says the launcher, and this command was started"
              + " without it; use bin/holdfast");
    }
    if (!Files.isReadable(Path.of(jar))) {
      throw new Failure(
          ExitCode.CONFIG,
          "exec --javaagent: "
              + jar
              + " is missing, or you may not read it; install again with holdfast --install, or in"
              + " a checkout build it with: mvn -q -B -DskipTests package");
    }
    try {
      return new JavaAgent(new AgentArgument(ByteText.encode(jar), options));
    } catch (IllegalArgumentException e) {
      throw new Failure(ExitCode.CONFIG, "exec --javaagent: " + e.getMessage(), e);
    }
  }

  /**
   * The arguments with the agent, or those that were given and the agent in the environment.
   *
   * @throws Failure when another agent of ours is there already, with other options
   */
  List<String> given(Program program, List<String> arguments, ProgramEnvironment environment)
      throws Failure {
    boolean isThere = isThere("the command", argument.optionsInCommand(arguments));
    for (String variable : AgentArgument.VARIABLES) {
      isThere |= isThere(variable, argument.optionsInVariable(environment.value(variable)));
    }
    if (isThere) {
      return arguments;
    }
    if (AgentArgument.isLauncher(ByteText.decode(program.path()))) {
      return argument.intoCommand(arguments);
    }
    environment.set(
        AgentArgument.VARIABLE, argument.intoVariable(environment.value(AgentArgument.VARIABLE)));
    return arguments;
  }

  private boolean isThere(String place, @Nullable String found) throws Failure {
    if (found != null && !argument.options().isEmpty() && !argument.options().equals(found)) {
      throw new Failure(
          ExitCode.USAGE,
          "exec --javaagent="
              + ByteText.decode(argument.options())
              + ": "
              + place
              + " has the agent already, with "
              + (found.isEmpty() ? "no options" : "the options " + ByteText.decode(found))
              + "; give them in one place");
    }
    return found != null;
  }
}
