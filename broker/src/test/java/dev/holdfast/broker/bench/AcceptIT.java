package dev.holdfast.broker.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Workers in Java on listeners that were handed out, under a load written in C. */
@Tag("bench")
@Timeout(900)
class AcceptIT {
  private static final int IN_FLIGHT = 64;
  private static final int WARM_UP_OF_A_JVM = 40_000;
  private static final int WORKERS = 8;
  private static final int LIGHT = 1_000;
  private static final int PAUSE_MILLIS = 2;

  @RegisterExtension final Brokers brokers = new Brokers();
  @RegisterExtension final Report report = new Report();

  private CProgram storm;
  private BrokerProcess broker;

  private void start() throws Exception {
    storm = brokers.keep(CProgram.compile("storm"));
    broker = brokers.start("web", "yardstick");
    broker.control(
        "Listen", JsonObject.of("name", "blocking", "spec", "127.0.0.1:0W", "blocking", true));
  }

  @Test
  void acceptsAsFastAsOnAPortOfItsOwn() throws Exception {
    start();
    ProgramProcess handedOut = javaWorker("handed-out", "--listener", "web");
    ProgramProcess own = javaWorker("own", "--bind", "127.0.0.1:0");
    int ownPort = Integer.parseInt(ready(own).replaceAll(".*:", ""));
    int handedOutPort = broker.port("web");
    ready(handedOut);
    storm(handedOutPort, WARM_UP_OF_A_JVM);
    storm(ownPort, WARM_UP_OF_A_JVM);
    Samples measured = new Samples("conn/s");
    Samples yardstick = new Samples("conn/s");
    takeTurns(handedOutPort, measured, ownPort, yardstick, 21, 10_000);
    report.ratio(
        "one worker in Java, handed-out listener against a port of its own",
        measured,
        yardstick,
        Goal.atLeast(0.98));
  }

  @Test
  void leavesIdleWorkersAloneAtALightRate() throws Exception {
    start();
    countSwitches("non-blocking listener, EPOLLEXCLUSIVE", "web");
    countSwitches("blocking listener, plain accept", "blocking");
  }

  @Test
  void keepsUpWithWorkersInC() throws Exception {
    start();
    CProgram worker = brokers.keep(CProgram.compile("worker"));
    for (int i = 0; i < WORKERS; i++) {
      ready(
          launch(
              "c" + i,
              List.of(
                  Checkout.command().toString(),
                  "exec",
                  "yardstick",
                  "--",
                  worker.path(),
                  "c" + i)));
    }
    javaWorkers("web");
    int java = broker.port("web");
    int inC = broker.port("yardstick");
    storm(inC, WARM_UP_OF_A_JVM);
    storm(java, WARM_UP_OF_A_JVM * WORKERS);
    Samples measured = new Samples("conn/s");
    Samples yardstick = new Samples("conn/s");
    takeTurns(java, measured, inC, yardstick, 15, 20_000);
    report.ratio(
        WORKERS + " workers in Java, " + IN_FLIGHT + " in flight, against as many in C",
        measured,
        yardstick,
        Goal.atLeast(0.9));
  }

  private void takeTurns(
      int port, Samples measured, int yardstickPort, Samples yardstick, int rounds, int count)
      throws Exception {
    for (int round = 0; round < rounds; round++) {
      // Who begins alternates too, so that a drift of the machine favours neither.
      if (round % 2 == 0) {
        measured.add(storm(port, count));
        yardstick.add(storm(yardstickPort, count));
      } else {
        yardstick.add(storm(yardstickPort, count));
        measured.add(storm(port, count));
      }
    }
  }

  private void countSwitches(String how, String listener) throws Exception {
    List<ProgramProcess> workers = javaWorkers(listener);
    int port = broker.port(listener);
    storm(port, WARM_UP_OF_A_JVM * WORKERS);
    Samples all = new Samples("switches");
    Samples accepting = new Samples("switches");
    for (int round = 0; round < 5; round++) {
      Map<String, Long> before = switches(workers);
      check(storm.run(port, 1, LIGHT, PAUSE_MILLIS));
      Map<String, Long> grown = ProcessFacts.since(before, switches(workers));
      all.add(sum(grown, "") / LIGHT);
      accepting.add(sum(grown, "holdfast-accept") / LIGHT);
    }
    report.value(
        how + ", " + WORKERS + " idle workers: for each connection", all, Goal.atMost(2.2));
    report.note("of them the accepting threads': " + accepting);
    workers.forEach(ProgramProcess::close);
  }

  private static double sum(Map<String, Long> switches, String prefix) {
    return switches.entrySet().stream()
        .filter(each -> each.getKey().startsWith(prefix))
        .mapToLong(Map.Entry::getValue)
        .sum();
  }

  private static Map<String, Long> switches(List<ProgramProcess> workers) throws IOException {
    Map<String, Long> all = new TreeMap<>();
    for (ProgramProcess worker : workers) {
      all.putAll(ProcessFacts.switches(worker.pid()));
    }
    return all;
  }

  private List<ProgramProcess> javaWorkers(String listener) throws IOException {
    List<ProgramProcess> workers = new ArrayList<>();
    for (int i = 0; i < WORKERS; i++) {
      workers.add(javaWorker("java" + i, "--listener", listener));
    }
    workers.forEach(AcceptIT::ready);
    return workers;
  }

  private ProgramProcess javaWorker(String name, String... options) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Checkout.JAVA_HOME.resolve("bin/java").toString(),
                "-Xmx64m",
                "--add-opens",
                "java.base/sun.nio.ch=ALL-UNNAMED",
                "-cp",
                Checkout.agentClassPath(),
                "dev.holdfast.agent.cli.EchoWorker",
                "--name",
                name));
    command.addAll(Arrays.asList(options));
    return launch(name, command);
  }

  private ProgramProcess launch(String name, List<String> command) throws IOException {
    return brokers.keep(
        ProgramProcess.start(name, command, Map.of("HOLDFAST_SOCKET", broker.socket().toString())));
  }

  /** Waits for the line that says so, and returns it. */
  private static String ready(ProgramProcess worker) {
    Await.until(
        () -> worker + " is not ready:\n" + worker.written(),
        () -> worker.outLines().stream().anyMatch(line -> line.startsWith("ready ")));
    return worker.outLines().get(0);
  }

  private double storm(int port, int count) throws Exception {
    return check(storm.run(port, IN_FLIGHT, count));
  }

  /** The rate of a storm that lost nothing. */
  private static double check(double[] storm) {
    for (int kind = 3; kind < storm.length; kind++) {
      assertThat(storm[kind]).as("lost: %s", Arrays.toString(storm)).isZero();
    }
    return storm[0];
  }
}
