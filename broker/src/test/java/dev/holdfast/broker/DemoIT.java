package dev.holdfast.broker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.Pidfd;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The first command of the README, as a stranger runs it. */
@Tag("unprivileged")
@Timeout(120)
class DemoIT {

  private static final int SIGINT = 2;

  @TempDir private Path temporary;
  private final List<Process> started = new ArrayList<>();

  @AfterEach
  void endWhatATestLeft() {
    for (Process process : started) {
      process.destroyForcibly();
    }
  }

  @Test
  void losesNothingThatWasQueuedAndLeavesNothingBehind() throws Exception {
    Process demo = demo("--seconds", "4", "--json");
    byte[] printed = demo.getInputStream().readAllBytes();
    assertThat(demo.waitFor()).as("exit code; it wrote: %s", errors()).isZero();

    JsonObject report = Json.parse(new String(printed, StandardCharsets.UTF_8).strip());
    assertThat(report.object("lost").integer("queued")).as("%s", report).isZero();
    List<JsonObject> workers = report.objects("workers");
    assertThat(workers).as("four, and two that took the place of others").hasSize(6);
    assertThat(workers).allSatisfy(each -> assertThat(each.integer("served")).isPositive());
    assertThat(workers.stream().map(each -> each.string("end")))
        .containsOnlyOnce("killed with -9", "drained");
    JsonObject recovery = report.object("recovery");
    assertThat(recovery.list("workers")).as("those that outlived the broker").hasSize(4);
    assertThat(recovery.integer("successor")).isNotEqualTo(recovery.integer("killed"));
    assertThatNothingIsLeft();
  }

  @Test
  void leavesNothingBehindWhenItIsInterrupted() throws Exception {
    Process demo = demo("--seconds", "60");
    awaitLine(demo, "all four answer");
    try (Pidfd itself = Pidfd.open((int) demo.pid())) {
      itself.signal(SIGINT);
    }
    demo.getInputStream().readAllBytes();
    assertThat(demo.waitFor()).as("exit code; it wrote: %s", errors()).isEqualTo(130);
    assertThat(errors()).contains("SIGINT").doesNotContain("Exception");
    assertThatNothingIsLeft();
  }

  /** Its directory will be in ours; so every process of it has our path in its environment. */
  private Process demo(String... options) throws IOException {
    Path root = Path.of(System.getProperty("holdfast.root"));
    List<String> command =
        new ArrayList<>(List.of(root.resolve("agent/bin/holdfast").toString(), "demo"));
    command.addAll(Arrays.asList(options));
    ProcessBuilder builder = new ProcessBuilder(command);
    String javaHome = System.getProperty("holdfast.test.java.home", "");
    if (!javaHome.isEmpty()) {
      builder.environment().put("JAVA_HOME", javaHome);
    }
    builder.environment().put("TMPDIR", directory().toString());
    builder.redirectError(temporary.resolve("errors").toFile());
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private Path directory() throws IOException {
    return Files.createDirectories(temporary.resolve("states"));
  }

  private String errors() throws IOException {
    return Files.readString(temporary.resolve("errors"));
  }

  private void awaitLine(Process demo, String part) throws IOException {
    BufferedReader lines = demo.inputReader(StandardCharsets.UTF_8);
    StringBuilder seen = new StringBuilder();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      seen.append(line).append('\n');
      if (line.contains(part)) {
        return;
      }
    }
    throw new AssertionError("it ended without \"" + part + "\":\n" + seen + errors());
  }

  private void assertThatNothingIsLeft() throws IOException {
    try (Stream<Path> states = Files.list(directory())) {
      assertThat(states).as("its state directory").isEmpty();
    }
    try (Stream<ProcessHandle> all = ProcessHandle.allProcesses()) {
      assertThat(all.filter(this::isOfTheDemo)).as("its processes").isEmpty();
    }
  }

  private boolean isOfTheDemo(ProcessHandle process) {
    try {
      Path environment = Path.of("/proc", Long.toString(process.pid()), "environ");
      return Files.readString(environment, StandardCharsets.ISO_8859_1)
          .contains(temporary.toString());
    } catch (IOException e) {
      return false; // It ended meanwhile, or is another user's.
    }
  }
}
