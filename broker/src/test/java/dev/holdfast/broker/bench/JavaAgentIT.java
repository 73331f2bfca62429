package dev.holdfast.broker.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.Probe;
import dev.holdfast.broker.testing.ProgramProcess;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the -javaagent costs a server, against the same server on a port of its own. */
@Tag("bench")
@Timeout(1200)
class JavaAgentIT {
  private static final int ROUNDS = 11;
  private static final int WARM_UP = 2;
  private static final int IN_FLIGHT = 16;
  private static final Duration STORM = Duration.ofSeconds(3);

  @RegisterExtension final Brokers brokers = new Brokers();
  @RegisterExtension final Report report = new Report();

  private BrokerProcess broker;
  private int port;

  @Test
  void aSmallServerStartsHardlyLaterOn17() throws Exception {
    compareStarts(17, "the JDK's HttpServer", JavaAgentIT::httpServer);
  }

  @Test
  void aSmallServerStartsHardlyLaterOn25() throws Exception {
    compareStarts(25, "the JDK's HttpServer", JavaAgentIT::httpServer);
  }

  @Test
  void aSpringBootServiceStartsHardlyLaterOn17() throws Exception {
    compareStarts(17, "Spring Boot on Tomcat", JavaAgentIT::springBoot);
  }

  @Test
  void aSpringBootServiceStartsHardlyLaterOn25() throws Exception {
    compareStarts(25, "Spring Boot on Tomcat", JavaAgentIT::springBoot);
  }

  @Test
  void anAdoptedServerIsAsFast() throws Exception {
    start();
    int own = freePort();
    try (ProgramProcess adopted = adopted(17, httpServer(port));
        ProgramProcess alone = alone(17, httpServer(own))) {
      assertThat(adopted.hasInFamily(Probe.http(port).pid())).isTrue();
      assertThat(alone.hasInFamily(probeWhenUp(own, alone).pid())).isTrue();
      Samples one = new Samples("/s");
      Samples other = new Samples("/s");
      Samples p99 = new Samples("µs");
      Samples otherP99 = new Samples("µs");
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        LoadReport here = storm(port);
        LoadReport there = storm(own);
        if (round >= 0) {
          one.add(here.served() / (STORM.toMillis() / 1e3));
          other.add(there.served() / (STORM.toMillis() / 1e3));
          p99.add(here.latencies().p99().toNanos() / 1e3);
          otherP99.add(there.latencies().p99().toNanos() / 1e3);
        }
      }
      report.ratio("connections a second, HttpServer on 17", one, other, Goal.atLeast(0.98));
      report.note("p99 " + p99 + " against " + otherP99);
    }
  }

  @Test
  void itTakesLittleMemory() throws Exception {
    for (int version : new int[] {17, 25}) {
      start();
      Samples added = new Samples("MiB");
      for (int round = 0; round < 5; round++) {
        int own = freePort();
        try (ProgramProcess adopted = adopted(version, httpServer(port));
            ProgramProcess alone = alone(version, httpServer(own))) {
          Probe.http(port);
          probeWhenUp(own, alone);
          Await.until(
              () -> "the agent has loaded all, and waits: " + adopted.written(),
              () -> {
                Set<String> threads = ProcessFacts.switches(adopted.pid()).keySet();
                return threads.stream().anyMatch(each -> each.startsWith("holdfast-lease "))
                    && threads.stream().noneMatch(each -> each.startsWith("holdfast-agent "));
              });
          added.add(
              ProcessFacts.residentMebibytes(adopted.pid())
                  - ProcessFacts.residentMebibytes(alone.pid()));
        }
      }
      report.value("resident memory added, HttpServer on " + version, added, Goal.atMost(12));
    }
  }

  private void compareStarts(int version, String what, IntFunction<List<String>> server)
      throws Exception {
    start();
    Samples with = new Samples("ms");
    Samples without = new Samples("ms");
    Samples added = new Samples("ms");
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      int own = freePort();
      double one = untilAnswer(port, () -> adopted(version, server.apply(port)));
      double other = untilAnswer(own, () -> alone(version, server.apply(own)));
      if (round >= 0) {
        with.add(one);
        without.add(other);
        added.add(one - other);
      }
    }
    report.value("added to the start of " + what + " on " + version, added, Goal.atMost(150));
    report.note(with + " with the agent, " + without + " without; to the first answer");
  }

  private void start() throws Exception {
    broker = brokers.start("web");
    port = broker.port("web");
  }

  /** By exec in both cases, so that all that differs is the agent. */
  private ProgramProcess adopted(int version, List<String> server) throws IOException {
    return launch(version, List.of("-javaagent:" + Checkout.javaAgent()), server);
  }

  private ProgramProcess alone(int version, List<String> server) throws IOException {
    return launch(version, List.of(), server);
  }

  private ProgramProcess launch(int version, List<String> options, List<String> server)
      throws IOException {
    List<String> words =
        new ArrayList<>(List.of(Checkout.command().toString(), "exec", "web", "--"));
    words.add(Checkout.java(version).toString());
    words.addAll(options);
    words.addAll(server);
    return ProgramProcess.start(
        "server", words, Map.of("HOLDFAST_SOCKET", broker.socket().toString()));
  }

  private static List<String> httpServer(int port) {
    Path target = Checkout.server("jdk").resolve("target");
    return List.of(
        "-Xmx64m",
        "-cp",
        target.resolve("server.jar").toString(),
        "dev.holdfast.servers.jdk.JdkHttpServer",
        "127.0.0.1",
        String.valueOf(port),
        "bench");
  }

  private static List<String> springBoot(int port) {
    Path jar = Checkout.server("spring-boot").resolve("target/server-tomcat.jar");
    return List.of(
        "-jar",
        jar.toString(),
        "--server.address=127.0.0.1",
        "--server.port=" + port,
        "--worker.name=bench");
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return socket.getLocalPort();
    }
  }

  private interface Launch {
    ProgramProcess start() throws IOException;
  }

  /** In milliseconds, with a connection tried again until somebody listens. */
  private static double untilAnswer(int port, Launch launch) throws Exception {
    long before = System.nanoTime();
    try (ProgramProcess server = launch.start()) {
      Probe answer = probeWhenUp(port, server);
      double took = (System.nanoTime() - before) / 1e6;
      assertThat(server.hasInFamily(answer.pid())).isTrue();
      return took;
    }
  }

  private static Probe probeWhenUp(int port, ProgramProcess server) {
    AtomicReference<Probe> answer = new AtomicReference<>();
    Await.until(
        Duration.ofSeconds(60),
        () -> "an answer: " + server.written(),
        () -> {
          try {
            answer.set(Probe.http(port));
            return true;
          } catch (ConnectException e) {
            return false;
          }
        });
    return answer.get();
  }

  private static LoadReport storm(int port) throws Exception {
    LoadPlan plan =
        LoadPlan.against(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port))
            .withConcurrency(IN_FLIGHT)
            .withLasting(STORM);
    try (LoadGenerator load = LoadGenerator.start(plan)) {
      LoadReport report = load.await();
      assertThat(report.lost()).as("%s", report.lostByKind()).isZero();
      return report;
    }
  }
}
