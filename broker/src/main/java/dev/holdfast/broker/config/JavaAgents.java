package dev.holdfast.broker.config;

import dev.holdfast.broker.core.Launch;
import dev.holdfast.jvm.AgentArgument;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Puts the agent for JVMs into what a service starts, as the file is read: all others see the final
 * command, and one that toggles the key has changed the command.
 */
final class JavaAgents {

  /**
   * What a service says of the agent.
   *
   * @param agent null: it is not to have it
   */
  record Choice(@Nullable AgentArgument agent) {}

  private JavaAgents() {}

  static @Nullable Choice read(Setting setting) {
    if (setting.value() instanceof Boolean wanted) {
      return wanted ? agent(setting, "") : new Choice(null);
    }
    if (!(setting.value() instanceof String options) || options.isEmpty()) {
      return setting.mustBe("true, false, or the agent's options such as \"8080=web\"");
    }
    return options.indexOf('\0') < 0
        ? agent(setting, options)
        : setting.wrong(
            setting.name() + ": no program can be given a NUL: " + Described.quoted(options));
  }

  private static @Nullable Choice agent(Setting setting, String options) {
    Optional<String> jar = setting.surroundings().agentJar();
    if (jar.isEmpty()) {
      return setting.wrong(
          setting.name()
              + ": where the agent is says the launcher, and this broker was started without it;"
              + " use bin/holdfastd");
    }
    if (!setting.surroundings().isReadable(jar.get())) {
      return setting.wrong(
          setting.name()
              + ": "
              + jar.get()
              + " is missing, or the broker may not read it; install again with holdfastd"
              + " --install, or in a checkout build it with: mvn -q -B -DskipTests package");
    }
    try {
      return new Choice(new AgentArgument(jar.get(), options));
    } catch (IllegalArgumentException e) {
      return setting.wrong(setting.name() + ": " + Described.message(e));
    }
  }

  /**
   * The launch with the agent in its command, or in a variable if that starts a JVM only later.
   *
   * @param setting where the agent is asked for; gets what is wrong
   */
  static Launch given(Launch launch, AgentArgument agent, Setting setting) {
    if (isThere(launch, agent, setting)) {
      return launch;
    }
    if (AgentArgument.isLauncher(launch.command().get(0))) {
      return with(launch, agent.intoCommand(launch.command()), launch.environment());
    }
    SortedMap<String, String> environment = new TreeMap<>(launch.environment());
    environment.put(
        AgentArgument.VARIABLE,
        agent.intoVariable(variable(launch, AgentArgument.VARIABLE, setting)));
    return with(launch, launch.command(), environment);
  }

  private static Launch with(
      Launch launch, List<String> command, SortedMap<String, String> environment) {
    return new Launch(
        command,
        launch.sandbox(),
        launch.account(),
        launch.directory(),
        environment,
        launch.umask(),
        launch.limits(),
        launch.nice(),
        launch.noNewPrivileges(),
        launch.output());
  }

  /** The service's own, else what it inherits of the broker's. */
  private static @Nullable String variable(Launch launch, String name, Setting setting) {
    String own = launch.environment().get(name);
    return own == null ? setting.surroundings().variable(name).orElse(null) : own;
  }

  /** Whether a copy of it is there already; one with other options is reported. */
  private static boolean isThere(Launch launch, AgentArgument agent, Setting setting) {
    boolean isThere = isThere("command", agent.optionsInCommand(launch.command()), agent, setting);
    for (String variable : AgentArgument.VARIABLES) {
      String found = agent.optionsInVariable(variable(launch, variable, setting));
      isThere |= isThere(variable, found, agent, setting);
    }
    return isThere;
  }

  private static boolean isThere(
      String place, @Nullable String found, AgentArgument agent, Setting setting) {
    if (found != null && !agent.options().isEmpty() && !agent.options().equals(found)) {
      setting.wrong(
          setting.name()
              + ": "
              + place
              + " has the agent already, with "
              + (found.isEmpty() ? "no options" : "the options " + Described.quoted(found))
              + "; give them in one place");
    }
    return found != null;
  }
}
