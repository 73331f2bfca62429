package dev.holdfast.broker.config;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ReadyWhen;
import dev.holdfast.broker.core.ResourceLimit;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.ServiceConfig.Readiness;
import dev.holdfast.broker.core.ServiceConfig.Restarts;
import dev.holdfast.broker.core.ServiceConfig.Stopping;
import dev.holdfast.fd.Accounts;
import dev.holdfast.jvm.AgentArgument;
import dev.holdfast.listener.ListenerName;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/** {@code [service.NAME]}. */
final class ServiceSection {

  private static final String FOREVER = "8760h";

  static final Key<List<String>> COMMAND = Key.of("command", StringArrays::command);
  static final Key<List<ListenerName>> LISTENERS = Key.of("listeners", StringArrays::listenerNames);
  static final Key<Integer> WORKERS =
      Key.of("workers", Readers.integer(1, ServiceConfig.MOST_WORKERS));
  static final Key<Accounts.User> USER = Key.of("user", ServiceAccounts::user);
  static final Key<Integer> GROUP = Key.of("group", Principals::group);
  static final Key<Path> DIRECTORY = Key.of("directory", Readers::absolutePath);
  static final Key<SortedMap<String, String>> ENVIRONMENT =
      Key.of("environment", Environments::read);
  static final Key<Integer> UMASK = Key.of("umask", Readers::umask);
  static final Key<List<ResourceLimit>> LIMITS = Key.of("limits", ResourceLimits::read);
  static final Key<Integer> NICE = Key.of("nice", Readers.integer(-20, 19));
  static final Key<Boolean> NO_NEW_PRIVILEGES = Key.of("no-new-privileges", Readers::flag);
  static final Key<List<String>> SANDBOX = Key.of("sandbox", StringArrays::sandbox);
  static final Key<JavaAgents.Choice> JAVAAGENT = Key.of("javaagent", JavaAgents::read);
  static final Key<Output> OUTPUT = Key.of("output", Readers::output);
  static final Key<ReadyWhen> READY = Key.of("ready", Readers::ready);
  static final Key<Duration> READY_TIMEOUT =
      Key.of("ready-timeout", Quantities.duration("10ms", FOREVER));
  static final Key<Duration> SETTLE = Key.of("settle", Quantities.duration("0s", FOREVER));
  static final Key<Integer> STOP_SIGNAL = Key.of("stop-signal", Readers::signal);
  static final Key<Duration> STOP_TIMEOUT =
      Key.of("stop-timeout", Quantities.duration("0s", FOREVER));
  static final Key<Integer> SURGE = Key.of("surge", Readers.integer(1, ServiceConfig.MOST_WORKERS));
  static final Key<Duration> RESTART_DELAY =
      Key.of("restart-delay", Quantities.duration("10ms", FOREVER));
  static final Key<Duration> RESTART_DELAY_MAX =
      Key.of("restart-delay-max", Quantities.duration("10ms", FOREVER));
  static final Key<Duration> WATCHDOG = Key.of("watchdog", Quantities.duration("10ms", FOREVER));
  static final Key<Duration> IDLE_STOP = Key.of("idle-stop", Quantities.duration("10ms", FOREVER));
  static final Key<Integer> STORED = Key.of("stored", Readers.integer(0, 1024));

  static final Section SECTION =
      new Section(
          COMMAND,
          LISTENERS,
          WORKERS,
          USER,
          GROUP,
          DIRECTORY,
          ENVIRONMENT,
          UMASK,
          LIMITS,
          NICE,
          NO_NEW_PRIVILEGES,
          SANDBOX,
          JAVAAGENT,
          OUTPUT,
          READY,
          READY_TIMEOUT,
          SETTLE,
          STOP_SIGNAL,
          STOP_TIMEOUT,
          SURGE,
          RESTART_DELAY,
          RESTART_DELAY_MAX,
          WATCHDOG,
          IDLE_STOP,
          STORED);

  private ServiceSection() {}

  /**
   * Reports what does not go together; a key that is wrong in itself has been reported.
   *
   * @param section the whole of it
   */
  static void check(String title, Setting section, Values values) {
    if (values.setting(COMMAND) == null) {
      section.wrong(
          title
              + " lacks command; write for example command = [\"nginx\", \"-g\", \"daemon off;\"]");
    }
    if (!values.isWrong(LISTENERS)) {
      checkListeners(title, section, values, values.get(LISTENERS, List.of()));
    }
    if (!values.isWrong(RESTART_DELAY) && !values.isWrong(RESTART_DELAY_MAX)) {
      checkDelays(
          values.setting(RESTART_DELAY),
          values.get(RESTART_DELAY, Restarts.DEFAULT.delay()),
          values.setting(RESTART_DELAY_MAX),
          values.get(RESTART_DELAY_MAX, Restarts.DEFAULT.longestDelay()));
    }
  }

  /** What is meant; only for values without problems is it more than a try. */
  static @Nullable ServiceConfig config(Values values) {
    Account account =
        ServiceAccounts.read(
            values.setting(USER), values.get(USER), values.setting(GROUP), values.get(GROUP));
    List<String> command = values.get(COMMAND);
    if (command == null) {
      return null;
    }
    ServiceConfig otherwise =
        ServiceConfig.of(Launch.of(command), values.get(LISTENERS, List.of()));
    return new ServiceConfig(
        launch(values, otherwise.launch(), account),
        otherwise.listeners(),
        values.get(WORKERS, otherwise.workers()),
        readiness(values, otherwise.ready()),
        stopping(values, otherwise.stop()),
        restarts(values, otherwise.restarts()),
        values.get(STORED, otherwise.stored()),
        values.get(WATCHDOG),
        values.get(IDLE_STOP));
  }

  private static Launch launch(Values values, Launch otherwise, @Nullable Account account) {
    Launch launch = launchAsWritten(values, otherwise, account);
    Setting key = values.setting(JAVAAGENT);
    JavaAgents.Choice choice = values.get(JAVAAGENT);
    AgentArgument agent = choice == null ? null : choice.agent();
    return key == null || agent == null ? launch : JavaAgents.given(launch, agent, key);
  }

  private static Launch launchAsWritten(
      Values values, Launch otherwise, @Nullable Account account) {
    return new Launch(
        otherwise.command(),
        values.get(SANDBOX, otherwise.sandbox()),
        account,
        values.get(DIRECTORY),
        values.get(ENVIRONMENT, otherwise.environment()),
        values.get(UMASK),
        values.get(LIMITS, otherwise.limits()),
        values.get(NICE),
        values.get(NO_NEW_PRIVILEGES, otherwise.noNewPrivileges()),
        values.get(OUTPUT, otherwise.output()));
  }

  private static Readiness readiness(Values values, Readiness otherwise) {
    return new Readiness(
        values.get(READY, otherwise.when()),
        values.get(READY_TIMEOUT, otherwise.timeout()),
        values.get(SETTLE, otherwise.settle()));
  }

  private static Stopping stopping(Values values, Stopping otherwise) {
    return new Stopping(
        values.get(STOP_SIGNAL, otherwise.signal()), values.get(STOP_TIMEOUT, otherwise.timeout()));
  }

  private static Restarts restarts(Values values, Restarts otherwise) {
    return new Restarts(
        values.get(SURGE, otherwise.surge()),
        values.get(RESTART_DELAY, otherwise.delay()),
        values.get(RESTART_DELAY_MAX, otherwise.longestDelay()));
  }

  private static void checkListeners(
      String title, Setting section, Values values, List<ListenerName> listeners) {
    for (Key<?> key : List.of(COMMAND, ENVIRONMENT)) {
      Setting setting = values.setting(key);
      if (setting != null) {
        Placeholders.check(setting, title, listeners);
      }
    }
    boolean accepting =
        !values.isWrong(READY)
            && values.get(READY, Readiness.DEFAULT.when()) == ReadyWhen.ACCEPTING;
    if (accepting && listeners.isEmpty()) {
      Setting ready = values.setting(READY);
      (ready == null ? section : ready)
          .wrong(
              title
                  + " has no listeners, so no worker is ever seen accepting; write listeners ="
                  + " [\"NAME\"], or ready = \"notify\" or \"exec\"");
    }
  }

  private static void checkDelays(
      @Nullable Setting delayKey, Duration delay, @Nullable Setting longestKey, Duration longest) {
    if (longest.compareTo(delay) >= 0) {
      return;
    }
    if (longestKey != null) {
      longestKey.mustBe("at least restart-delay, which is \"" + Quantities.written(delay) + "\"");
    } else if (delayKey != null) {
      delayKey.mustBe(
          "at most restart-delay-max, which is \"" + Quantities.written(longest) + "\"",
          "; write restart-delay-max too");
    }
  }
}
