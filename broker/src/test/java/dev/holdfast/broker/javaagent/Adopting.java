package dev.holdfast.broker.javaagent;

import dev.holdfast.broker.testing.Checkout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The command of a small JVM that has the agent. Each method returns a changed copy. */
record Adopting(String agentOptions, List<String> jvmOptions, List<String> rest) {

  /** Runs a class of these tests. */
  static Adopting of(Class<?> main, Object... arguments) {
    List<String> rest = new ArrayList<>(List.of("-cp", Checkout.testClassPath(), main.getName()));
    Arrays.stream(arguments).map(Object::toString).forEach(rest::add);
    return new Adopting("", List.of(), rest);
  }

  /** Runs what stands behind java and its options. */
  static Adopting words(String... rest) {
    return new Adopting("", List.of(), List.of(rest));
  }

  /** What stands behind the agent's jar. */
  Adopting agent(String options) {
    return new Adopting(options, jvmOptions, rest);
  }

  Adopting jvm(String... more) {
    List<String> all = new ArrayList<>(jvmOptions);
    all.addAll(Arrays.asList(more));
    return new Adopting(agentOptions, all, rest);
  }

  String agentOption(Path jar) {
    return "-javaagent:" + jar + (agentOptions.isEmpty() ? "" : "=" + agentOptions);
  }

  List<String> command() {
    return command(Checkout.JAVA_HOME, Checkout.javaAgent());
  }

  List<String> command(Path javaHome, Path jar) {
    List<String> command =
        new ArrayList<>(
            List.of(
                javaHome.resolve("bin/java").toString(),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                agentOption(jar)));
    command.addAll(jvmOptions);
    command.addAll(rest);
    return command;
  }

  String[] words() {
    return command().toArray(String[]::new);
  }
}
