package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.Probe;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A changed configuration is applied under load, and what it does not change is not touched. */
@Tag("unprivileged")
@Timeout(60)
class ReloadIT {
  @RegisterExtension final Brokers brokers = new Brokers();

  private BrokerProcess broker;
  private Workers workers;
  private Path file;
  private LoadGenerator load;
  private int webPort;

  @BeforeEach
  void startUnderLoad() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    file = directory.resolve("broker.toml");
    webPort = freePort();
    write(web("backlog = 1000"));
    broker = brokers.start(Options.none().with("--config", file.toString()), directory);
    workers = brokers.workers(broker, "web");
    Path worker = Workers.script("worker.py", directory);
    workers.start("py", Checkout.python(), worker.toString(), "py", "selectors");
    load =
        brokers.keep(
            LoadGenerator.start(
                LoadPlan.against(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), webPort))
                    .withConcurrency(8)
                    .withPerSecond(2_000)));
  }

  @Test
  void addsAListener() throws Exception {
    int port = freePort();
    write(web("backlog = 1000"), listener("added", port));
    JsonObject done = reload();
    assertThat(done.strings("added")).containsExactly("added");
    assertThat(done.strings("changed")).isEmpty();
    assertThat(ListeningSocket.inode(port)).isPresent();
    assertNothingWasLost();
  }

  @Test
  void changesTheBacklogOfTheSameSocket() throws Exception {
    long inode = ListeningSocket.inode(webPort).orElseThrow();
    write(web("backlog = 2000"));
    assertThat(reload().strings("changed")).containsExactly("web");
    assertThat(ListeningSocket.inode(webPort)).hasValue(inode);
    assertThat(broker.listener("web").integer("queueLimit")).isEqualTo(2000);
    assertNothingWasLost();
  }

  @Test
  void changesTheBlockingFlagOfTheSameSocket() throws Exception {
    long inode = ListeningSocket.inode(webPort).orElseThrow();
    write(web("backlog = 1000", "blocking = true"));
    assertThat(reload().strings("changed")).containsExactly("web");
    assertThat(ListeningSocket.inode(webPort)).hasValue(inode);
    ProgramProcess asked =
        workers.exec("asked", Checkout.python(), "-c", "import os; print(os.get_blocking(3))");
    assertThat(asked.awaitEnd()).isZero();
    assertThat(asked.outLines()).containsExactly("True");
    assertNothingWasLost();
  }

  @Test
  void movesAListenerToAnotherPortWhileItsWorkerServesTheOldOne() throws Exception {
    int before = freePort();
    int after = freePort();
    write(web("backlog = 1000"), listener("moving", before));
    reload();
    Workers moving = brokers.workers(broker, "moving");
    Path worker = Workers.script("worker.py", broker.directory());
    moving.start("old", Checkout.python(), worker.toString(), "old", "selectors");

    write(web("backlog = 1000"), listener("moving", after));
    assertThat(reload().strings("changed")).containsExactly("moving");

    assertThat(broker.port("moving")).isEqualTo(after);
    assertThat(ListeningSocket.inode(after)).isPresent();
    assertThat(Probe.http(before).worker()).isEqualTo("old");
    moving.retire(moving.accepting().get(0));
    assertThat(ListeningSocket.inode(before)).isEmpty();
    assertNothingWasLost();
  }

  @Test
  void keepsTheOldPortWhenTheNewOneIsTaken() throws Exception {
    int before = freePort();
    write(web("backlog = 1000"), listener("moving", before));
    reload();
    long inode = ListeningSocket.inode(before).orElseThrow();
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      write(web("backlog = 2000"), listener("moving", taken.getLocalPort()));
      VarlinkException refused = catchThrowableOfType(VarlinkException.class, this::reload);
      assertThat(refused.error()).isEqualTo("dev.holdfast.Control.BindFailed");
      assertThat(refused.parameters().string("errno")).isEqualTo("EADDRINUSE");
    }
    assertThat(ListeningSocket.inode(before)).hasValue(inode);
    assertThat(broker.listener("web").integer("backlog")).isEqualTo(1000);
    assertNothingWasLost();
  }

  @Test
  void deletesAListener() throws Exception {
    int port = freePort();
    write(web("backlog = 1000"), listener("removed", port));
    reload();
    write(web("backlog = 1000"));
    assertThat(reload().strings("removed")).containsExactly("removed");
    assertThat(ListeningSocket.refuses(port)).isTrue();
    assertNothingWasLost();
  }

  @Test
  void aBrokenFileChangesNothingAndSaysWhere() throws Exception {
    List<JsonObject> before = listenersWithoutQueues();
    Files.writeString(file, web("backlog = 1000") + "\nbaklog = 2000\n");
    VarlinkException refused = catchThrowableOfType(VarlinkException.class, this::reload);
    assertThat(refused.error()).isEqualTo("dev.holdfast.Control.ReloadFailed");
    assertThat(refused.parameters().string("file")).isEqualTo(file.toString());
    assertThat(refused.parameters().integer("line")).isEqualTo(5);
    assertThat(refused.parameters().string("message")).contains("baklog", "backlog");
    assertThat(listenersWithoutQueues()).isEqualTo(before);

    broker.process().signal(ProgramProcess.SIGHUP);
    Await.until(
        () -> "the place of the mistake in " + broker.stderr(),
        () -> broker.stderr().stream().anyMatch(line -> line.contains(file + ":5")));
    assertThat(listenersWithoutQueues()).isEqualTo(before);
    assertNothingWasLost();
  }

  @Test
  void reloadsOnHangup() throws Exception {
    int port = freePort();
    try (Events events = broker.watch()) {
      write(web("backlog = 1000"), listener("added", port));
      broker.process().signal(ProgramProcess.SIGHUP);
      events.await("reloaded");
    }
    assertThat(broker.port("added")).isEqualTo(port);
    assertNothingWasLost();
  }

  private JsonObject reload() throws Exception {
    return broker.control("Reload", JsonObject.EMPTY);
  }

  private void assertNothingWasLost() throws Exception {
    long served = load.snapshot().served();
    Await.until(() -> "more answers", () -> load.snapshot().served() > served + 50);
    load.stop();
    LoadReport report = load.await();
    assertThat(report.lostByKind()).as("lost: %s", report.lostConnections()).isEmpty();
  }

  private List<JsonObject> listenersWithoutQueues() throws Exception {
    return broker.control("List", JsonObject.EMPTY).objects("listeners").stream()
        .map(
            each ->
                JsonObject.of(
                    "name", each.string("name"),
                    "endpoint", each.string("endpoint"),
                    "backlog", each.integer("backlog")))
        .toList();
  }

  private void write(String... listeners) throws Exception {
    Files.writeString(file, String.join("\n", listeners));
  }

  private String web(String... options) {
    return listener("web", webPort) + String.join("\n", options) + "\n";
  }

  private static String listener(String name, int port) {
    return "[listener." + name + "]\nlisten = \"127.0.0.1:" + port + "\"\n";
  }

  /** Free a moment ago; below the ports that the kernel gives to clients it would be reserved. */
  private static int freePort() throws Exception {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return socket.getLocalPort();
    }
  }
}
