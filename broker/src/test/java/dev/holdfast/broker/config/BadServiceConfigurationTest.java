package dev.holdfast.broker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class BadServiceConfigurationTest {

  private static final FakeHost ROOT = new FakeHost(Map.of(), true);

  @TempDir Path directory;

  /** The file, and its messages without the name of the file. */
  static Stream<Arguments> badFiles() {
    return Stream.of(
        // command
        Arguments.of(
            "[service.web]\nready = \"exec\"",
            ":1: [service.web] lacks command; write for example command = [\"nginx\", \"-g\", \"daemon off;\"]"),
        alone(
            "command = \"nginx -g x\"",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\"\n:2: command must be an array of strings, not the string \"nginx -g x\"; write [\"nginx\", \"-g\", \"x\"], or [\"/bin/sh\", \"-c\", \"…\"] if a shell is to read it"),
        alone(
            "command = \"echo $HOME | cat\"",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\"\n:2: command must be an array of strings, not the string \"echo $HOME | cat\"; write an array with one string for each argument, or [\"/bin/sh\", \"-c\", \"…\"] if a shell is to read it"),
        alone(
            "command = 1",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\"\n:2: command must be an array of strings, not the integer 1"),
        alone(
            "command = []",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\"\n:2: command must not be empty; write for example [\"nginx\"]"),
        alone(
            "command = [\"\", \"x\"]",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\"\n:2: command starts with the name of a program, not with \"\""),
        alone(
            "command = [\"x\",\n1,\ntrue,\n[],\n\"\\u0000\"]",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\"\n:3: command must hold strings, not the integer 1; write \"1\"\n:4: command must hold strings, not true; write \"true\"\n:5: command must hold strings, not an array\n:6: command: no program can be given a NUL: \"\\u0000\""),
        // listeners
        alone(
            "command = [\"x\"]\nlisteners = \"web\"",
            ":3: listeners must be an array of names of listeners, not the string \"web\"; write [\"web\"]"),
        alone(
            "command = [\"x\"]\nlisteners = 1",
            ":3: listeners must be an array of names of listeners, not the integer 1"),
        alone(
            "command = [\"x\"]\nlisteners = [1, \"a:b\", \"c\", \"c\"]",
            ":3: listeners must hold names of listeners, not the integer 1\n:3: listeners: listener name \"a:b\": a name is 1 to 64 letters, digits, '.', '_', '@' or '-', and does not start with '-' or '.'\n:3: listeners has \"c\" twice"),
        alone(
            "command = [\"x\"]",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\""),
        alone(
            "command = [\"x\"]\nlisteners = []",
            ":1: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\""),
        alone(
            "command = [\"x\"]\nready = \"accepting\"",
            ":3: [service.web] has no listeners, so no worker is ever seen accepting; write listeners = [\"NAME\"], or ready = \"notify\" or \"exec\""),
        // placeholders
        web(
            "sandbox = []\nenvironment = { A = \"{fd:wbe}\" }",
            ":5: environment: {fd:wbe} is no listener of [service.web]; did you mean \"web\"?"),
        alone(
            "listeners = [\"web\", \"x\"]\ncommand = [\"y\",\n\"{fd:another}{fd:web}{fd:}\"]",
            ":4: command: {fd:another} is no listener of [service.web]; it has web, x\n:4: command: {fd:} is no listener of [service.web]; it has web, x"),
        alone(
            "ready = \"exec\"\ncommand = [\"y\", \"{fd:web}\"]",
            ":3: command: {fd:web} is no listener of [service.web], which has none; write listeners = [\"NAME\"]"),
        // the process
        web("workers = 0", ":4: workers must be an integer of 1 to 1000, not the integer 0"),
        web("workers = 1001", ":4: workers must be an integer of 1 to 1000, not the integer 1001"),
        web("user = \"nobody-here\"", ":4: user: this host has no user \"nobody-here\""),
        web("user = \"root\\u0000\"", ":4: user: this host has no user \"root\\u0000\""),
        web("user = -1", ":4: user: \"-1\" is not a number of 0 to 4294967294"),
        web("user = true", ":4: user must be the name or number of a user, not true"),
        web(
            "user = 4711",
            ":4: user: this host has no user 4711, so its group is not known; write group"),
        web("group = \"nobody-here\"", ":4: group: this host has no group \"nobody-here\""),
        web(
            "user = 4711\ngroup = \"nobody-here\"",
            ":5: group: this host has no group \"nobody-here\""),
        web(
            "directory = \"srv\"",
            ":4: directory must be an absolute path, not the string \"srv\""),
        web(
            "umask = 27",
            ":4: umask must be a string of octal digits such as \"0027\", not the integer 27"),
        web(
            "umask = \"0888\"",
            ":4: umask must be a string of octal digits such as \"0027\", not the string \"0888\""),
        web("nice = 20", ":4: nice must be an integer of -20 to 19, not the integer 20"),
        web("nice = -21", ":4: nice must be an integer of -20 to 19, not the integer -21"),
        web(
            "no-new-privileges = \"true\"",
            ":4: no-new-privileges must be true or false, not the string \"true\"; leave out the quotes"),
        web(
            "sandbox = \"bwrap --dev /dev\"",
            ":4: sandbox must be an array of strings, not the string \"bwrap --dev /dev\"; write [\"bwrap\", \"--dev\", \"/dev\"]"),
        web("sandbox = [\"\"]", ":4: sandbox starts with the name of a program, not with \"\""),
        web(
            "output = \"jurnal\"",
            ":4: output must be \"journal\" or an absolute path, not the string \"jurnal\"; did you mean \"journal\"?"),
        web(
            "output = \"log/x\"",
            ":4: output must be \"journal\" or an absolute path, not the string \"log/x\""),
        web("output = false", ":4: output must be \"journal\" or an absolute path, not false"),
        // the agent for JVMs
        web(
            "javaagent = 8080",
            ":4: javaagent must be true, false, or the agent's options such as \"8080=web\", not the integer 8080"),
        web(
            "javaagent = \"\"",
            ":4: javaagent must be true, false, or the agent's options such as \"8080=web\", not the string \"\""),
        web("javaagent = \"\\u0000\"", ":4: javaagent: no program can be given a NUL: \"\\u0000\""),
        web(
            "javaagent = \"80=web\"\nenvironment.JAVA_TOOL_OPTIONS = \"-javaagent:/x/holdfast-agent.jar\"",
            ":4: javaagent: JAVA_TOOL_OPTIONS has the agent already, with no options; give them in one place"),
        alone(
            "command = [\"java\", \"-javaagent:holdfast-agent.jar=81=web\"]\nlisteners = [\"web\"]\njavaagent = \"80=web\"",
            ":4: javaagent: command has the agent already, with the options \"81=web\"; give them in one place"),
        // environment
        web(
            "environment = [\"A=b\"]",
            ":4: environment must be a table such as { LANG = \"C.UTF-8\" }, not an array"),
        web(
            "environment = { \"\" = \"x\", \"A=B\" = \"x\", \"A\\u0000\" = \"x\" }",
            ":4: environment: \"\" cannot be a variable's name; it has at least one character, and neither '=' nor NUL\n:4: environment: \"A=B\" cannot be a variable's name; it has at least one character, and neither '=' nor NUL\n:4: environment: \"A\\u0000\" cannot be a variable's name; it has at least one character, and neither '=' nor NUL"),
        web(
            "environment.LISTEN_FDS = \"3\"\nenvironment.WATCHDOG_USEC = \"3\"",
            ":4: environment: LISTEN_FDS is set by the broker; use another name\n:5: environment: WATCHDOG_USEC is set by the broker; use another name"),
        web(
            "environment.NOTIFY_SOCKET = \"3\"\nenvironment.HOLDFAST_LEASE = \"3\"",
            ":4: environment: NOTIFY_SOCKET is set by the broker; use another name\n:5: environment: HOLDFAST_LEASE is set by the broker; use another name"),
        web(
            "environment.HOLDFAST_SOCKET = \"3\"",
            ":4: environment: HOLDFAST_SOCKET is set by the broker; use another name"),
        web(
            "environment.PORT = 8080\nenvironment.DEBUG = true\nenvironment.X = 1.5",
            ":4: environment.PORT must be a string, not the integer 8080; write \"8080\"\n:5: environment.DEBUG must be a string, not true; write \"true\"\n:6: environment.X must be a string, not the number 1.5"),
        web(
            "environment.spring.x = \"y\"\nenvironment.A = \"\\u0000\"",
            ":4: environment.spring must be a string, not a table; a name with a dot goes in quotes: \"spring.x\"\n:5: environment.A: no variable can hold a NUL: \"\\u0000\""),
        // limits
        web(
            "limits = 4096",
            ":4: limits must be a table such as { open-files = 4096 }, not the integer 4096"),
        web(
            "limits.open-file = 1\nlimits.rss = 1",
            ":4: limits has no \"open-file\"; did you mean \"open-files\"?\n:5: limits has no \"rss\", only address-space, core, cpu-time, data, file-size, locked-memory, open-files, processes, stack"),
        web(
            "limits.open-files = -1",
            ":4: limits.open-files must be an integer, \"unlimited\", or \"SOFT:HARD\" of such, not the integer -1"),
        web(
            "limits.open-files = \"1KiB\"",
            ":4: limits.open-files must be an integer, \"unlimited\", or \"SOFT:HARD\" of such, not the string \"1KiB\""),
        web(
            "limits.open-files = \"1024:unlimited\"",
            ":4: limits.open-files cannot be unlimited: the kernel allows at most fs.nr_open; write a number"),
        web(
            "limits.core = \"2GB\"",
            ":4: limits.core must be an integer of bytes, a string such as \"64MiB\", \"unlimited\", or \"SOFT:HARD\" of such, not the string \"2GB\""),
        web(
            "limits.core = \"1:2:3\"",
            ":4: limits.core must be an integer of bytes, a string such as \"64MiB\", \"unlimited\", or \"SOFT:HARD\" of such, not the string \"1:2:3\""),
        web(
            "limits.core = \"\"",
            ":4: limits.core must be an integer of bytes, a string such as \"64MiB\", \"unlimited\", or \"SOFT:HARD\" of such, not the string \"\""),
        web(
            "limits.core = \":\"",
            ":4: limits.core must be an integer of bytes, a string such as \"64MiB\", \"unlimited\", or \"SOFT:HARD\" of such, not the string \":\""),
        web(
            "limits.core = true",
            ":4: limits.core must be an integer of bytes, a string such as \"64MiB\", \"unlimited\", or \"SOFT:HARD\" of such, not true"),
        web(
            "limits.data = \"999999999999999999GiB\"",
            ":4: limits.data must be an integer of bytes, a string such as \"64MiB\", \"unlimited\", or \"SOFT:HARD\" of such, not the string \"999999999999999999GiB\""),
        web(
            "limits.cpu-time = \"1500ms\"",
            ":4: limits.cpu-time must be an integer of seconds, a string such as \"90s\", \"unlimited\", or \"SOFT:HARD\" of such, not the string \"1500ms\""),
        web(
            "limits.processes = \"200:100\"\nlimits.stack = \"unlimited:8MiB\"",
            ":4: limits.processes: the soft limit comes first and is the lower one; write \"100:200\"\n:5: limits.stack: the soft limit comes first and is the lower one; write \"8MiB:unlimited\""),
        // readiness
        web(
            "ready = \"notfy\"",
            ":4: ready must be \"notify\", \"accepting\" or \"exec\", not the string \"notfy\"; did you mean \"notify\"?"),
        web("ready = true", ":4: ready must be \"notify\", \"accepting\" or \"exec\", not true"),
        web(
            "ready-timeout = \"9ms\"",
            ":4: ready-timeout must be a duration of \"10ms\" to \"8760h\", not the string \"9ms\""),
        web(
            "ready-timeout = 60",
            ":4: ready-timeout must be a duration of \"10ms\" to \"8760h\", not the integer 60; write \"60s\" for seconds or \"60ms\" for milliseconds"),
        web(
            "settle = \"-1s\"",
            ":4: settle must be a duration of \"0s\" to \"8760h\", not the string \"-1s\""),
        // stop
        web(
            "stop-signal = true",
            ":4: stop-signal must be the name or number of a signal, not true"),
        web("stop-signal = \"STOP\"", ":4: stop-signal: STOP halts a process and does not end it"),
        web(
            "stop-signal = \"TREM\"\nstop-timeout = \"1\"",
            ":4: stop-signal: \"TREM\" is no signal; did you mean \"TERM\"?\n:5: stop-timeout must be a duration of \"0s\" to \"8760h\", not the string \"1\"; write \"1s\" for seconds or \"1ms\" for milliseconds"),
        web("stop-signal = 65", ":4: stop-signal: \"65\" is no signal"),
        web(
            "stop-timeout = \"30\"",
            ":4: stop-timeout must be a duration of \"0s\" to \"8760h\", not the string \"30\"; write \"30s\" for seconds or \"30ms\" for milliseconds"),
        // restarts
        web("surge = 0", ":4: surge must be an integer of 1 to 1000, not the integer 0"),
        web(
            "restart-delay = \"9ms\"",
            ":4: restart-delay must be a duration of \"10ms\" to \"8760h\", not the string \"9ms\""),
        web(
            "restart-delay = \"1s\"\nrestart-delay-max = \"500ms\"",
            ":5: restart-delay-max must be at least restart-delay, which is \"1s\", not the string \"500ms\""),
        web(
            "restart-delay-max = \"50ms\"",
            ":4: restart-delay-max must be at least restart-delay, which is \"100ms\", not the string \"50ms\""),
        web(
            "restart-delay = \"1m\"",
            ":4: restart-delay must be at most restart-delay-max, which is \"30s\", not the string \"1m\"; write restart-delay-max too"),
        web(
            "restart-delay = \"1m\"\nrestart-delay-max = 5",
            ":5: restart-delay-max must be a duration of \"10ms\" to \"8760h\", not the integer 5; write \"5s\" for seconds or \"5ms\" for milliseconds"),
        web(
            "watchdog = 10",
            ":4: watchdog must be a duration of \"10ms\" to \"8760h\", not the integer 10; write \"10s\" for seconds or \"10ms\" for milliseconds"),
        web(
            "idle-stop = \"0s\"",
            ":4: idle-stop must be a duration of \"10ms\" to \"8760h\", not the string \"0s\""),
        web("stored = 1025", ":4: stored must be an integer of 0 to 1024, not the integer 1025"),
        web("stored = -1", ":4: stored must be an integer of 0 to 1024, not the integer -1"),
        // sections
        web("workrs = 1", ":4: unknown key \"workrs\" in [service.web]; did you mean \"workers\"?"),
        web(
            "enviroment = { A = \"b\" }\nlimts.core = 1",
            ":4: unknown key \"enviroment\" in [service.web]; did you mean \"environment\"?\n:5: unknown key \"limts\" in [service.web]; did you mean \"limits\"?"),
        web(
            "v1.command = [\"x\"]",
            ":4: unknown key \"v1\" in [service.web]; a service's name with a dot goes in quotes: [service.\"web.v1\"]"),
        Arguments.of(
            "[service]\ncommand = [\"x\"]",
            ":2: a service has a name: write [service.NAME] above command"),
        Arguments.of("service.web = \"x\"", ":1: service.web must be a section [service.NAME]"),
        Arguments.of(
            "service = \"x\"", ":1: service must be sections [service.NAME], not the string \"x\""),
        Arguments.of("[servce.web]", ":1: unknown section [servce]; did you mean \"service\"?"),
        Arguments.of(
            "[service.\"a b\"]\ncommand = [\"x\"]\nready = \"exec\"",
            ":1: service name \"a b\": a name is 1 to 64 letters, digits, '.', '_', '@' or '-', and does not start with '-' or '.'"));
  }

  @ParameterizedTest
  @MethodSource("badFiles")
  void saysWhatIsWrongAndWhere(String text, String messages) throws Exception {
    assertThat(messageOf(text, ROOT)).isEqualTo(messages);
  }

  @Test
  void anAgentThatNoJvmCouldLoadIsReported() throws Exception {
    String file = "[service.web]\ncommand = [\"java\"]\nready = \"exec\"\njavaagent = true";

    assertThat(messageOf(file, FakeHost.withVariable("AGENT", "")))
        .isEqualTo(
            ":4: javaagent: where the agent is says the launcher, and this broker was started without it; use bin/holdfastd");
    assertThat(messageOf(file, FakeHost.withVariable("AGENT", "/missing/holdfast-agent.jar")))
        .isEqualTo(
            ":4: javaagent: /missing/holdfast-agent.jar is missing, or the broker may not read it; install again with holdfastd --install, or in a checkout build it with: mvn -q -B -DskipTests package");
    assertThat(messageOf(file, FakeHost.withVariable("AGENT", "/a=b/holdfast-agent.jar")))
        .isEqualTo(
            ":4: javaagent: the JVM cannot load an agent whose path has a '=': /a=b/holdfast-agent.jar; install to another directory");
  }

  @Test
  void onlyRootMakesWorkersRunAsSomebodyElse() throws Exception {
    String start = "[service.web]\ncommand = [\"x\"]\nready = \"exec\"\n";

    assertThat(messageOf(start + "user = \"root\"", FakeHost.PLAIN))
        .isEqualTo(
            ":4: user: a broker that is not root cannot make workers run as another user than its own (1000); leave user out, or start the broker as root");
    assertThat(messageOf(start + "group = \"adm\"", FakeHost.PLAIN))
        .isEqualTo(
            ":4: group: a broker that is not root cannot make workers run as another group than its own (1000); leave group out, or start the broker as root");
    assertThat(messageOf(start + "user = \"web\"\ngroup = \"adm\"", FakeHost.PLAIN))
        .isEqualTo(
            ":5: group: a broker that is not root cannot make workers run as another group than its own (1000); leave group out, or start the broker as root");
  }

  @Test
  void everyKeyHasABadExample() {
    assertThat(ServiceSection.SECTION.keys().keySet())
        .allSatisfy(
            key ->
                assertThat(badFiles())
                    .as(key)
                    .anyMatch(file -> ((String) file.get()[1]).contains(": " + key)));
  }

  private String messageOf(String text, Surroundings host) throws Exception {
    Path file = directory.resolve("holdfast.toml");
    Files.writeString(file, text);
    ConfigException thrown =
        catchThrowableOfType(ConfigException.class, () -> Configuration.read(file, host));
    assertThat(thrown).as(text).isNotNull();
    return String.valueOf(thrown.getMessage())
        .lines()
        .map(line -> line.substring(file.toString().length()))
        .collect(Collectors.joining("\n"));
  }

  /** A section with what it needs, and more keys. */
  private static Arguments web(String keys, String messages) {
    return Arguments.of(
        "[service.web]\ncommand = [\"x\"]\nlisteners = [\"web\"]\n" + keys, messages);
  }

  private static Arguments alone(String keys, String messages) {
    return Arguments.of("[service.web]\n" + keys, messages);
  }
}
