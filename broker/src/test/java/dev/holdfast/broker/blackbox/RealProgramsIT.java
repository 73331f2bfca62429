package dev.holdfast.broker.blackbox;

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
import dev.holdfast.broker.testing.Workers;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Programs of others, unchanged, accept from one listener at once. */
@Timeout(180)
class RealProgramsIT {
  private static final int NOBODY = 65534;

  @RegisterExtension final Brokers brokers = new Brokers();

  private BrokerProcess broker;
  private Path files;

  @Test
  void allServeBehindOneListenerAndLoseNothing() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    Path configuration = directory.resolve("broker.toml");
    Files.writeString(
        configuration,
        """
        [listener.web]
        listen = "127.0.0.1:0W"
        allow = ["uid:%d"]
        """
            .formatted(NOBODY));
    broker =
        brokers.start(
            BrokerProcess.Options.none().with("--config", configuration.toString()), directory);
    files = broker.directory();
    Workers workers = brokers.workers(broker, "web");
    // All at once, since most of their time is their own start; each is then awaited alone.
    List<ProgramProcess> started = new ArrayList<>();
    started.add(nginx(workers));
    started.add(node(workers));
    started.add(python(workers, "blocking"));
    started.add(python(workers, "selectors"));
    started.add(gunicorn(workers));
    started.add(java(workers, 17));
    started.add(java(workers, 25));
    started.add(withoutNetwork(workers));
    started.add(sandboxed(workers));

    LoadReport report = loadUntilAllWereSeen(workers.port(), started);
    assertThat(report.lostByKind()).as("lost: %s", report.lostConnections()).isEmpty();
    assertThat(report.byWorker().keySet())
        .containsExactlyInAnyOrderElementsOf(started.stream().map(ProgramProcess::title).toList());
    assertEachServesAlone(workers, started);
  }

  private static void assertEachServesAlone(Workers workers, List<ProgramProcess> started)
      throws IOException {
    for (ProgramProcess one : started) {
      List<ProgramProcess> others = started.stream().filter(each -> each != one).toList();
      others.forEach(ProgramProcess::freeze);
      try {
        Probe answer = Probe.http(workers.port());
        assertThat(answer.worker()).isEqualTo(one.title());
        assertThat(one.hasInFamily(answer.pid()) || isInItsOwnPidNamespace(one)).isTrue();
      } finally {
        others.forEach(ProgramProcess::thaw);
      }
    }
  }

  /** Their start is the longest part of it: meanwhile the connections wait in the queue. */
  private static LoadReport loadUntilAllWereSeen(int port, List<ProgramProcess> started)
      throws Exception {
    LoadPlan plan =
        LoadPlan.against(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port))
            .withConcurrency(32)
            .withTimeouts(Duration.ofSeconds(30), Duration.ofSeconds(30));
    try (LoadGenerator load = LoadGenerator.start(plan)) {
      Await.until(
          Duration.ofSeconds(60),
          () -> notSeen(started, load.snapshot()),
          () -> load.snapshot().byWorker().size() == started.size());
      load.stop();
      return load.await();
    }
  }

  private static String notSeen(List<ProgramProcess> started, LoadReport report) {
    StringBuilder text = new StringBuilder("an answer by each, only " + report.byWorker());
    for (ProgramProcess each : started) {
      if (!report.byWorker().containsKey(each.title())) {
        text.append("\n").append(each).append(" wrote:\n").append(each.written());
      }
    }
    return text.toString();
  }

  /**
   * With its master process: without one, nginx (1.22.1) crashes on any listener that it inherits
   * by NGINX, also from a nginx before it.
   */
  private ProgramProcess nginx(Workers workers) throws IOException {
    Path prefix = Files.createDirectories(files.resolve("nginx"));
    Files.writeString(
        prefix.resolve("nginx.conf"),
        """
        daemon off;
        %s
        pid nginx.pid;
        error_log error.log;
        events { }
        http {
          access_log off;
          client_body_temp_path body;
          proxy_temp_path proxy;
          fastcgi_temp_path fastcgi;
          uwsgi_temp_path uwsgi;
          scgi_temp_path scgi;
          server {
            listen 127.0.0.1:%d;
            add_header X-Worker nginx;
            location / { return 200 "worker nginx pid $pid\\n"; }
          }
        }
        """
            .formatted(Checkout.isRoot() ? "user root;" : "", workers.port()));
    return workers.exec(
        "nginx",
        List.of("--env", "NGINX"),
        Checkout.installed("nginx", "nginx-light"),
        "-p",
        prefix.toString(),
        "-e",
        "error.log",
        "-c",
        "nginx.conf");
  }

  private ProgramProcess node(Workers workers) throws IOException {
    return workers.exec(
        "node",
        Checkout.installed("node", "nodejs"),
        Workers.script("worker.js", files).toString(),
        "node",
        "{fd:web}");
  }

  private ProgramProcess python(Workers workers, String way) throws IOException {
    return workers.exec(way, Checkout.python(), worker(), way, way);
  }

  private String worker() throws IOException {
    return Workers.script("worker.py", files).toString();
  }

  private ProgramProcess gunicorn(Workers workers) throws IOException {
    Workers.script("gunicorn_app.py", files);
    return workers.exec(
        "gunicorn",
        Checkout.python(),
        Checkout.installed("gunicorn", "gunicorn"),
        "--chdir",
        files.toString(),
        "--worker-tmp-dir",
        files.toString(),
        "gunicorn_app:answer");
  }

  private ProgramProcess java(Workers workers, int version) throws IOException {
    return workers.launch(
        "java" + version,
        List.of(
            Checkout.java(version).toString(),
            "-Xmx64m",
            "--add-opens",
            "java.base/sun.nio.ch=ALL-UNNAMED",
            "-cp",
            Checkout.agentClassPath(),
            "dev.holdfast.agent.cli.EchoWorker",
            "--name",
            "java" + version),
        Map.of());
  }

  /** It has no interface but a loopback that is down, and serves all the same. */
  private ProgramProcess withoutNetwork(Workers workers) throws IOException {
    List<String> command = new ArrayList<>(List.of(Checkout.installed("unshare", "util-linux")));
    command.add(Checkout.isRoot() ? "-n" : "-rn");
    command.addAll(List.of(Checkout.command().toString(), "exec", "web", "--"));
    command.addAll(List.of(Checkout.python(), worker(), "no-network", "selectors"));
    return workers.launch("no-network", command, Map.of());
  }

  /** Own namespaces of every kind, a read-only root, another uid (where the tests run as root). */
  private ProgramProcess sandboxed(Workers workers) throws IOException {
    List<String> command = new ArrayList<>();
    if (Checkout.isRoot()) {
      String nobody = Integer.toString(NOBODY);
      command.addAll(List.of(Checkout.installed("setpriv", "util-linux"), "--reuid", nobody));
      command.addAll(List.of("--regid", nobody, "--clear-groups"));
    }
    String socket = broker.socket().toString();
    command.addAll(List.of(Checkout.installed("bwrap", "bubblewrap"), "--unshare-all"));
    command.addAll(List.of("--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev"));
    command.addAll(List.of("--proc", "/proc", "--bind", socket, socket));
    command.addAll(List.of(Checkout.command().toString(), "exec", "web", "--"));
    command.addAll(List.of(Checkout.python(), worker(), "sandboxed", "selectors"));
    return workers.launch("sandboxed", command, Map.of());
  }

  private static boolean isInItsOwnPidNamespace(ProgramProcess worker) {
    return worker.title().equals("sandboxed");
  }
}
