package dev.holdfast.broker.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ServiceFile;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What clients notice of a restart of four workers, and how long it takes. */
@Tag("bench")
@Timeout(900)
class RestartIT {
  private static final int WORKERS = 4;
  private static final int IN_FLIGHT = 32;
  private static final int ROUNDS = 15;
  private static final int WARM_UP = 2;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** In each round some thousands of connections, so that the 99th percentile means something. */
  private static final Duration STEADY = Duration.ofSeconds(2);

  @RegisterExtension final Brokers brokers = new Brokers();
  @RegisterExtension final Report report = new Report();

  private BrokerProcess broker;
  private SupervisedService web;

  @Test
  void clientsHardlyNoticeARestartOfWorkersInC() throws Exception {
    CProgram worker = brokers.keep(CProgram.compile("worker"));
    start(List.of(worker.path(), "c"), "ready = \"accepting\"");
    compare("C", Goal.atMost(1.2));
  }

  /** Here the new workers' own start takes processors from those that serve. */
  @Test
  void clientsHardlyNoticeARestartOfWorkersInJava() throws Exception {
    start(
        List.of(
            Checkout.JAVA_HOME.resolve("bin/java").toString(),
            "-Xmx64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--add-opens",
            "java.base/sun.nio.ch=ALL-UNNAMED",
            "-cp",
            Checkout.agentClassPath(),
            "dev.holdfast.agent.cli.EchoWorker"),
        "ready = \"notify\"",
        "nice = 10");
    compare("Java", null);
  }

  private void start(List<String> command, String... lines) throws Exception {
    Path directory = BrokerProcess.newDirectory();
    String[] all = java.util.Arrays.copyOf(lines, lines.length + 1);
    all[lines.length] = "workers = " + WORKERS;
    Path file = ServiceFile.in(directory).listener("web").service("web", command, all).write();
    broker = brokers.start(Options.none().with("--config", file.toString()), directory);
    web = SupervisedService.of(broker, "web");
    web.awaitRunning();
  }

  private void compare(String language, Goal goal) throws Exception {
    int half = (int) (most() / 2);
    Samples steady = new Samples("µs");
    Samples restarting = new Samples("µs");
    Samples took = new Samples("ms");
    Duration window = STEADY;
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      double quiet = p99(half, window, () -> {});
      double[] milliseconds = new double[1];
      double disturbed = p99(half, null, () -> milliseconds[0] = restart());
      window = Duration.ofMillis(Math.max(500, (long) milliseconds[0]));
      if (round >= 0) {
        steady.add(quiet);
        restarting.add(disturbed);
        took.add(milliseconds[0]);
      }
    }
    String what =
        "p99 while "
            + WORKERS
            + " workers in "
            + language
            + " are restarted, against steady p99, at "
            + half
            + " connections/s";
    if (goal != null) {
      report.ratio(what, restarting, steady, goal);
    } else {
      report.note(
          what
              + ": "
              + Samples.number(restarting.median() / steady.median())
              + "× ("
              + restarting
              + " against "
              + steady
              + ")");
    }
    report.note("the restart of all " + WORKERS + ": " + took);
  }

  private interface Disturbance {
    void run() throws Exception;
  }

  /** Under a load of its own, for so long, or as long as the disturbance takes. */
  private double p99(int perSecond, Duration lasting, Disturbance disturbance) throws Exception {
    LoadPlan plan = plan().withPerSecond(perSecond);
    try (LoadGenerator load =
        LoadGenerator.start(lasting == null ? plan : plan.withLasting(lasting))) {
      disturbance.run();
      if (lasting == null) {
        load.stop();
      }
      LoadReport done = load.await();
      assertThat(done.lostByKind()).as("lost: %s", done.lostConnections()).isEmpty();
      assertThat(done.served()).isGreaterThan(200);
      return done.latencies().p99().toNanos() / 1000.0;
    }
  }

  /** Over a connection that is there: the start of a verb would be measured with it. */
  private double restart() throws Exception {
    long before = System.nanoTime();
    try (VarlinkClient client = broker.connect();
        Answer done =
            client.call(
                "dev.holdfast.Control.Restart", JsonObject.of("service", "web"), PATIENCE)) {
      assertThat(done.parameters().object("step").string("step")).isEqualTo("done");
      return (System.nanoTime() - before) / 1e6;
    }
  }

  /** What the machine can do, with the load on it too. */
  private double most() throws Exception {
    Samples rates = new Samples("conn/s");
    for (int i = 0; i < 3; i++) {
      try (LoadGenerator load = LoadGenerator.start(plan().withLasting(STEADY))) {
        rates.add(load.await().rate());
      }
    }
    return rates.median();
  }

  private LoadPlan plan() throws Exception {
    return LoadPlan.against(
            new InetSocketAddress(InetAddress.getByName("127.0.0.1"), broker.port("web")))
        .withConcurrency(IN_FLIGHT)
        .withTimeouts(Duration.ofSeconds(30), Duration.ofSeconds(30));
  }
}
