package dev.holdfast.agent.cli;

import dev.holdfast.jvm.AgentArgument;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The agent for JVMs: whether it is there, and which Java would load it. */
final class AgentChecks {

  private static final int OLDEST = 17;

  private AgentChecks() {}

  static List<Check> run(Map<String, String> environment) {
    String jar = System.getProperty(AgentArgument.JAR_PROPERTY, "");
    List<Check> checks = new ArrayList<>();
    checks.add(jar(jar));
    checks.addAll(javas(environment));
    checks.add(
        natives(
            jar, System.getProperty("java.io.tmpdir", "/tmp"), Proc.lines("/proc/self/mounts")));
    return checks;
  }

  /**
   * @param jar as the launcher says it; empty if that says nothing
   */
  static Check jar(String jar) {
    String name = "javaagent";
    if (jar.isEmpty()) {
      return Check.missing(
          name,
          "not known",
          "this command was started without its launcher, which says where the agent is",
          "use bin/holdfast");
    }
    return Files.isReadable(Path.of(jar))
        ? Check.ok(name, jar, "exec --javaagent and services can have a Java server adopt")
        : Check.missing(
            name,
            "no " + jar,
            "exec --javaagent and javaagent of a service are refused",
            "install again with holdfast --install, or in a checkout build it with: mvn -q -B"
                + " -DskipTests package");
  }

  /** Scripts take the one of JAVA_HOME, a plain java is the first on PATH. */
  static List<Check> javas(Map<String, String> environment) {
    List<Check> checks = new ArrayList<>();
    String home = environment.getOrDefault("JAVA_HOME", "");
    if (!home.isEmpty()) {
      checks.add(java("Java of JAVA_HOME", Path.of(home, "bin", "java")));
    }
    checks.add(java("Java on PATH", onPath(environment.getOrDefault("PATH", ""))));
    return checks;
  }

  private static @Nullable Path onPath(String path) {
    for (String directory : path.split(":", -1)) {
      Path java = Path.of(directory.isEmpty() ? "." : directory, "java");
      if (Files.isRegularFile(java) && Files.isExecutable(java)) {
        return java;
      }
    }
    return null;
  }

  private static Check java(String name, @Nullable Path program) {
    if (program == null || !Files.isExecutable(program)) {
      return Check.limited(
          name,
          program == null ? "none" : "no " + program,
          "only servers that name their own Java can run with the agent",
          "install Java " + OLDEST + " or newer, or correct the variable");
    }
    Path home;
    try {
      home = program.toRealPath().resolve("../..").normalize();
    } catch (IOException e) {
      home = program.resolve("../..").normalize();
    }
    return loads(name, program, Proc.lines(home.resolve("release").toString()));
  }

  /**
   * Whether it would load the agent. Starting it to ask would take longer than all other checks.
   *
   * @param release the lines of the file of that name in its home
   */
  static Check loads(String name, Path program, List<String> release) {
    String version = value(release, "JAVA_VERSION");
    String modules = value(release, "MODULES");
    String found = program + (version.isEmpty() ? "" : ", " + version);
    if (version.isEmpty()) {
      return Check.limited(
          name,
          found,
          "whether it loads the agent cannot be told: there is no release file in its home",
          "look at java -version: it takes " + OLDEST + " or newer");
    }
    if (feature(version) < OLDEST) {
      return Check.limited(
          name, found, "too old to load the agent", "use Java " + OLDEST + " or newer");
    }
    // jlink writes the file too; one of JDK 8 and some vendors have no such line.
    if (!modules.isEmpty() && !List.of(modules.split(" ", -1)).contains("java.instrument")) {
      return Check.limited(
          name,
          found + ", without java.instrument",
          "this runtime cannot load any agent",
          "add java.instrument to the --add-modules of its jlink");
    }
    return Check.ok(name, found, "loads the agent");
  }

  private static String value(List<String> release, String key) {
    for (String line : release) {
      if (line.startsWith(key + "=")) {
        return line.substring(key.length() + 1).replace("\"", "").trim();
      }
    }
    return "";
  }

  /** 17 of 17.0.15; 1 of 1.8.0, which is old enough. */
  private static int feature(String version) {
    int end = 0;
    while (end < version.length() && Character.isDigit(version.charAt(end))) {
      end++;
    }
    return end == 0 || end > 4 ? 0 : Integer.parseInt(version.substring(0, end));
  }

  /**
   * Whether the agent can load its native libraries in somebody else's JVM, which has none of our
   * options.
   */
  static Check natives(String jar, String directory, List<String> mounts) {
    String name = "javaagent libraries";
    Path unpacked = Path.of(jar).resolveSibling("native");
    if (!jar.isEmpty() && Files.isDirectory(unpacked)) {
      return Check.ok(name, unpacked.toString(), "unpacked beforehand, beside the agent");
    }
    String mount = JavaChecks.noexecMount(directory, mounts);
    return mount == null
        ? Check.ok(name, directory, "can be unpacked and loaded there")
        : Check.limited(
            name,
            directory + ", noexec at " + mount,
            "the agent cannot load what it unpacks there",
            "say native=DIR in the agent's options, or use an agent that holdfast --install has"
                + " laid out");
  }
}
