package dev.holdfast.broker.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** Where the programs under test, and those that they meet, are. */
public final class Checkout {
  private static final Path ROOT = Path.of(property("holdfast.root"));

  /** The Java which the programs under test run on. */
  public static final Path JAVA_HOME = Path.of(property("holdfast.test.java.home"));

  private Checkout() {}

  public static Path broker() {
    return ROOT.resolve("broker/bin/holdfastd");
  }

  public static Path command() {
    return ROOT.resolve("agent/bin/holdfast");
  }

  /** The class path of the agent's library, as it is laid out for its launcher. */
  public static String agentClassPath() {
    return ROOT.resolve("agent/target/holdfast/lib") + "/*";
  }

  /** The agent that a JVM is given by {@code -javaagent}. */
  public static Path javaAgent() {
    return ROOT.resolve("agent/target/holdfast/holdfast-agent.jar");
  }

  /** What one of the modules of servers under test has built. */
  public static Path server(String module) {
    return ROOT.resolve("broker/src/test/servers").resolve(module);
  }

  /** A program in C of the benchmarks. */
  public static Path cSource(String file) {
    return ROOT.resolve("broker/src/test/c").resolve(file);
  }

  /** Our own test classes, for workers in Java that are written for one test. */
  public static String testClassPath() {
    return ROOT.resolve("broker/target/test-classes").toString();
  }

  /** Of the Java which the programs under test run on. */
  public static int javaVersion() {
    try (Stream<String> release = Files.lines(JAVA_HOME.resolve("release"))) {
      return release
          .filter(line -> line.startsWith("JAVA_VERSION=\""))
          .map(line -> Runtime.Version.parse(line.substring(14, line.length() - 1)).feature())
          .findFirst()
          .orElseThrow(() -> new AssertionError("no version in " + JAVA_HOME + "/release"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The java program of that version. Fails, and says what to install, where there is none. */
  public static Path java(int version) {
    Stream<Path> homes = Stream.of(JAVA_HOME, Path.of(property("java.home")));
    try (Stream<Path> installed = Files.list(Path.of("/usr/lib/jvm"))) {
      return Stream.concat(homes, installed.sorted())
          .filter(home -> isVersion(home, version))
          .map(home -> home.resolve("bin/java"))
          .findFirst()
          .orElseThrow(
              () -> new AssertionError("no Java " + version + ": install one in /usr/lib/jvm"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isVersion(Path home, int version) {
    try {
      return Files.isExecutable(home.resolve("bin/java"))
          && Files.readString(home.resolve("release")).contains("JAVA_VERSION=\"" + version + ".");
    } catch (IOException e) {
      return false; // A link that leads nowhere, or no JVM at all.
    }
  }

  /**
   * The path of a program. A test that needs one which is not there fails, and is not skipped:
   * otherwise nobody would see what was never shown.
   */
  public static String installed(String program, String debianPackage) {
    for (String directory : List.of("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")) {
      Path candidate = Path.of(directory, program);
      if (Files.isExecutable(candidate)) {
        return candidate.toString();
      }
    }
    throw new AssertionError(
        program + " is not installed; Debian, Ubuntu: apt-get install " + debianPackage);
  }

  /** Debian's own Python: gunicorn and the tests' scripts need no other. */
  public static String python() {
    return installed("python3", "python3");
  }

  public static boolean isRoot() {
    return Objects.equals(property("user.name"), "root");
  }

  private static String property(String name) {
    return Objects.requireNonNull(
        System.getProperty(name), () -> "system property " + name + " is not set: run by Maven");
  }
}
