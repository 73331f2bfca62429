package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code --install}, from a copy of the built checkout and from what that installed. */
@Tag("unprivileged")
@Timeout(120)
class InstallIT {

  private static final String JAR = "holdfast-agent.jar";

  @TempDir Path directory;
  private Path checkout = Path.of("");

  /** With an agent that is known by its content, and that only the owner may read. */
  @BeforeEach
  void copyTheCheckout() throws IOException {
    checkout = directory.toRealPath().resolve("checkout");
    Path root = Checkout.command().resolve("../../..").normalize();
    for (String part :
        List.of(
            "agent/bin",
            "broker/bin",
            "shared/bin",
            "agent/target/holdfast/lib",
            "agent/target/holdfast/native",
            "broker/target/holdfast/lib",
            "broker/target/holdfast/native")) {
      copy(root.resolve(part), checkout.resolve(part));
    }
    Files.createFile(checkout.resolve("agent/target/holdfast/complete"));
    Files.createFile(checkout.resolve("broker/target/holdfast/complete"));
    Files.writeString(agentJar(), "the agent");
    Files.setPosixFilePermissions(agentJar(), PosixFilePermissions.fromString("rw-------"));
  }

  private Path agentJar() {
    return checkout.resolve("agent/target/holdfast").resolve(JAR);
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path copy = to.resolve(from.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
  }

  private static ProgramProcess ended(String... command) throws Exception {
    ProgramProcess process = ProgramProcess.start("install", List.of(command), Map.of());
    process.awaitEnd();
    return process;
  }

  private static void install(Path command, Path prefix) throws Exception {
    ProgramProcess install = ended(command.toString(), "--install", prefix.toString());
    assertThat(install.awaitEnd()).as(install.written()).isZero();
    assertThat(install.errLines()).isEmpty();
    assertThat(install.outLines())
        .containsExactly(
            "installed "
                + prefix.resolve("bin/holdfastd")
                + " and "
                + prefix.resolve("bin/holdfast"));
    Path jar = prefix.resolve("lib/holdfast").resolve(JAR);
    assertThat(jar).hasContent("the agent");
    assertThat(Files.getPosixFilePermissions(jar)).contains(PosixFilePermission.OTHERS_READ);
    assertThat(checksOf(prefix.resolve("bin/holdfast"))).contains(" ok ").contains(jar.toString());
  }

  /** The line of the doctor that names the agent's jar. */
  private static String checksOf(Path command) throws Exception {
    return ended(command.toString(), "doctor").outLines().stream()
        .filter(line -> line.startsWith("javaagent "))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void whatIsInstalledHasTheAgentAndCanInstallItself() throws Exception {
    Path first = directory.toRealPath().resolve("first");
    Path second = directory.toRealPath().resolve("second");
    install(checkout.resolve("broker/bin/holdfastd"), first);
    install(first.resolve("bin/holdfast"), second);
    install(first.resolve("bin/holdfastd"), second);
  }

  @Test
  void withoutTheAgentNothingIsInstalled() throws Exception {
    Files.delete(agentJar());
    Path prefix = directory.resolve("prefix");
    ProgramProcess install =
        ended(checkout.resolve("agent/bin/holdfast").toString(), "--install", prefix.toString());
    assertThat(install.awaitEnd()).as(install.written()).isEqualTo(78);
    assertThat(install.errLines())
        .singleElement()
        .asString()
        .contains(agentJar() + " is missing")
        .endsWith("cd " + checkout + " && mvn -q -B -DskipTests package");
    assertThat(prefix).doesNotExist();
  }
}
