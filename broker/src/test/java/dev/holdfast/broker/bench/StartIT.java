package dev.holdfast.broker.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.NotifySocket;
import dev.holdfast.broker.testing.ProgramProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** From the start of a launcher to what its user waits for, against a JVM that only says hello. */
@Tag("bench")
@Timeout(600)
class StartIT {
  private static final int ROUNDS = 15;
  private static final int WARM_UP = 2;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir Path directory;
  @RegisterExtension final Brokers brokers = new Brokers();
  @RegisterExtension final Report report = new Report();

  @Test
  void startsInAFewTimesTheTimeOfABareJvmOn17() throws Exception {
    compare(17, 3);
  }

  @Test
  void startsInAFewTimesTheTimeOfABareJvmOn25() throws Exception {
    compare(25, 2.3);
  }

  private void compare(int version, double execGoal) throws Exception {
    Path java = Checkout.java(version);
    Path home = java.getParent().getParent();
    Path hello = directory.resolve("Hello.java");
    Files.writeString(
        hello,
        "class Hello { public static void main(String[] a) { System.out.println(\"hello\"); } }");
    Path compiler = Path.of(System.getProperty("java.home"), "bin", "javac");
    run(compiler.toString(), "--release", "17", "-d", directory.toString(), hello.toString());
    BrokerProcess broker = brokers.start("web");
    String[] bare = {java.toString(), "-cp", directory.toString(), "Hello"};
    Map<String, String> environment =
        Map.of("JAVA_HOME", home.toString(), "HOLDFAST_SOCKET", broker.socket().toString());
    String[] exec = {Checkout.command().toString(), "exec", "web", "--", "true"};

    Samples hellos = new Samples("ms");
    Samples ready = new Samples("ms");
    Samples execs = new Samples("ms");
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      double one = milliseconds(environment, bare);
      double two = untilReady(environment);
      double three = milliseconds(environment, exec);
      if (round >= 0) {
        hellos.add(one);
        ready.add(two);
        execs.add(three);
      }
    }
    String on = " on " + Report.version(home);
    report.ratio(
        "holdfastd to READY=1" + on + ", against a JVM's hello", ready, hellos, Goal.atMost(8));
    report.ratio(
        "holdfast exec web -- true" + on + ", against a JVM's hello",
        execs,
        hellos,
        Goal.atMost(execGoal));
  }

  private double untilReady(Map<String, String> environment) throws IOException {
    Path own = BrokerProcess.newDirectory();
    Path notify = own.resolve("notify");
    try (NotifySocket socket = NotifySocket.bind(notify)) {
      Map<String, String> with = new java.util.HashMap<>(environment);
      with.put("NOTIFY_SOCKET", notify.toString());
      List<String> command =
          List.of(
              Checkout.broker().toString(),
              "--socket",
              BrokerProcess.socketIn(own).toString(),
              "--state",
              own.resolve("state").toString(),
              "--listen",
              "web=127.0.0.1:0W");
      long before = System.nanoTime();
      ProgramProcess broker = ProgramProcess.start("holdfastd", command, with);
      Boolean isReady = socket.awaitReady(broker, PATIENCE);
      double took = (System.nanoTime() - before) / 1e6;
      broker.signal(ProgramProcess.SIGTERM);
      assertThat(broker.awaitEnd()).as(broker.written()).isZero();
      assertThat(isReady).as("ready: %s", broker.written()).isTrue();
      return took;
    } finally {
      BrokerProcess.delete(own);
    }
  }

  private static double run(String... command) throws Exception {
    return milliseconds(Map.of(), command);
  }

  /** From the start of the command to its end. */
  private static double milliseconds(Map<String, String> environment, String... command)
      throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().putAll(environment);
    long before = System.nanoTime();
    Process process = builder.start();
    assertThat(process.waitFor()).as("%s", List.of(command)).isZero();
    return (System.nanoTime() - before) / 1e6;
  }
}
