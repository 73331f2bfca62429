package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Ledger;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerFamily;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One broker takes the place of another, and no client of either can tell when. */
@Timeout(1800)
class UpgradeIT {
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");
  private static final int UPGRADES = PROOF ? 100 : 3;
  private static final int IN_FLIGHT = 32;
  private static final int HAMMERS = 4;
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String WORKER = "dev.holdfast.Worker.";
  private static final List<String> LISTENERS = List.of("web", "slow", "path", "datagrams");

  @RegisterExtension final Stage stage = new Stage();

  private BrokerProcess start() throws Exception {
    return start(Options.none());
  }

  private BrokerProcess start(Options options) throws Exception {
    stage
        .file()
        .listener("web")
        .listener("slow")
        .listener("path", "listen = \"unix:" + stage.directory().resolve("path.sock") + "\"")
        .listener("datagrams", "listen = \"udp:127.0.0.1:0W\"")
        .service("web", stage.python("prints.py"), "workers = 2")
        .service(
            "slow",
            stage.python("patient.py", "0.7", "0"),
            "listeners = [\"slow\"]",
            "workers = 2");
    BrokerProcess broker = stage.start(options);
    stage.service("web").awaitRunning();
    stage.service("slow").awaitRunning();
    return broker;
  }

  private ProgramProcess upgrade(String... options) throws Exception {
    List<String> words = new ArrayList<>(List.of("upgrade"));
    words.addAll(List.of(options));
    ProgramProcess upgrade = stage.begin(words.toArray(String[]::new));
    upgrade.awaitEnd();
    return upgrade;
  }

  private void upgradeWell() throws Exception {
    ProgramProcess upgrade = upgrade();
    assertThat(upgrade.awaitEnd())
        .as("%s\n%s", upgrade.written(), stage.broker().lastWritten())
        .isZero();
    stage.broker().succeeded();
  }

  private static UnixAddress address(BrokerProcess broker) {
    return new UnixAddress.Path(broker.socket());
  }

  private static void listOnce(UnixAddress address) throws IOException, VarlinkException {
    try (VarlinkClient client = VarlinkClient.connect(address);
        Answer answer = client.call("dev.holdfast.Control.List", JsonObject.EMPTY, PATIENCE)) {
      assertThat(answer.parameters().objects("listeners").size())
          .isGreaterThanOrEqualTo(LISTENERS.size());
    }
  }

  @Test
  void nobodyNoticesUpgradesInARow() throws Exception {
    BrokerProcess broker = start();
    try (Company company = new Company(broker)) {
      KernelCounters before = KernelCounters.read();
      LoadGenerator load = stage.load(IN_FLIGHT);
      UnixAddress address = address(broker);
      Beside hammers = stage.keep(new Beside());
      for (int i = 0; i < HAMMERS; i++) {
        hammers.begin("hammer-" + i, 0, () -> listOnce(address));
      }
      Figures times = new Figures();
      Set<Integer> pids = new TreeSet<>(Set.of(broker.pid()));
      long descriptors = -1;
      for (int i = 0; i < UPGRADES; i++) {
        long begun = System.nanoTime();
        upgradeWell();
        times.add(Duration.ofNanos(System.nanoTime() - begun));
        pids.add(broker.pid());
        company.verify();
        try (Beside.Pause quiet = hammers.pause()) {
          assertThat(quiet).isNotNull();
          long now = restingDescriptors();
          assertThat(now)
              .as("descriptors of successor %d", i + 1)
              .isEqualTo(descriptors < 0 ? now : descriptors);
          descriptors = now;
        }
      }
      hammers.endWithoutFailure();
      LoadReport report = Stage.endWithoutLoss(load);
      KernelCounters grown = KernelCounters.read().since(before);
      assertThat(grown.listenOverflows()).as("ListenOverflows").isZero();
      assertThat(grown.listenDrops()).as("ListenDrops").isZero();
      assertThat(pids).as("a process for each upgrade").hasSizeGreaterThan(UPGRADES / 2);
      company.verifyToTheEnd();
      Ledger.note(
          String.format(
              "%d upgrades in a row: %d served and %d calls by %d clients, lost nothing, refused"
                  + " nothing; %d descriptors each time; each with its command: %s",
              UPGRADES, report.served(), hammers.done(), HAMMERS, descriptors, times));
    }
  }

  /** When all that comes and goes has gone: the least of what is seen for a while. */
  private long restingDescriptors() throws Exception {
    BrokerProcess broker = stage.broker();
    long connections = broker.control("Status", JsonObject.EMPTY).integer("connections");
    Await.until(
        () -> "only connections that stay, of " + connections,
        () -> broker.control("Status", JsonObject.EMPTY).integer("connections") == CONNECTIONS);
    long least = broker.fdCount();
    for (int look = 0; look < LOOKS; look++) {
      // Its observer opens files of /proc for a moment each, and a hand-over's copies are closed
      // after its connection.
      broker.control("Status", JsonObject.EMPTY);
      least = Math.min(least, broker.fdCount());
    }
    return least;
  }

  private static final int LOOKS = 200;

  /** The harness's own, the Watch stream, and the two of a lease. */
  private static final int CONNECTIONS = 4;

  /** All that waits at a broker for something, and what the broker keeps for others. */
  private final class Company implements AutoCloseable {
    private final BrokerProcess broker;
    private final Map<String, SocketIdentity> sockets;
    private final Set<Integer> pids;
    private final Events events;
    private final VarlinkClient holder;
    private final String lease;
    private final VarlinkClient waiter;
    private final ReplyStream awaited;

    Company(BrokerProcess broker) throws Exception {
      this.broker = broker;
      sockets = SocketIdentity.of(broker, LISTENERS);
      pids = stage.service("web").pids();
      Path kept = Files.writeString(stage.directory().resolve("kept"), "what was stored");
      try (VarlinkClient client = broker.connect();
          OwnedFd file = OwnedFd.openForReading(kept.toString());
          Answer stored =
              client.call(
                  WORKER + "Store",
                  JsonObject.of("name", "kept", "fileDescriptorIndex", 0L),
                  List.of(file),
                  PATIENCE)) {
        assertThat(stored.descriptors()).isEmpty();
      }
      holder = broker.connect();
      JsonObject wanted = JsonObject.of("listeners", List.of("path"), "hold", "connection");
      try (Answer granted = holder.call(WORKER + "Acquire", wanted, PATIENCE)) {
        lease = granted.parameters().string("lease");
      }
      waiter = broker.connect();
      awaited = waiter.stream(WORKER + "Await", JsonObject.of("lease", lease));
      assertThat(awaited.next(PATIENCE).orElseThrow().string("state")).isEqualTo("warming");
      events = broker.watch();
    }

    void verify() throws Exception {
      assertThat(SocketIdentity.of(broker, LISTENERS)).isEqualTo(sockets);
      assertThat(SocketIdentity.inodesOf(broker.pid()))
          .containsAll(sockets.values().stream().map(SocketIdentity::inode).toList());
      SupervisedService.View web = stage.service("web").view();
      assertThat(web.pids()).isEqualTo(pids);
      assertThat(web.members("ready")).hasSize(2);
      assertThat(web.restarts()).isZero();
      assertThat(broker.leases()).anyMatch(each -> each.string("lease").equals(lease));
      assertThat(stored(false)).isEqualTo("what was stored");
      String name = "told-" + System.nanoTime();
      broker.control("Listen", JsonObject.of("name", name, "spec", "127.0.0.1:0W"));
      while (!events.await("listenerOpened").string("name").equals(name)) {
        // Another's.
      }
      broker.control("Close", JsonObject.of("name", name));
      String word = "word-" + System.nanoTime();
      assertThat(Client.get(broker.port("web"), "/print?" + word)).contains("worker prints-");
      Await.until(
          () -> "the output of a worker in\n" + broker.lastWritten(),
          () -> broker.stderr().stream().anyMatch(line -> line.contains("printed " + word)));
      assertThat(broker.process().written()).doesNotContain("\tat ");
    }

    private String stored(boolean remove) throws Exception {
      try (VarlinkClient client = broker.connect();
          Answer back =
              client.call(
                  WORKER + "Retrieve", JsonObject.of("name", "kept", "remove", remove), PATIENCE)) {
        ByteBuffer room = ByteBuffer.allocate(100);
        back.descriptors().get(0).readAt(room, 0);
        return new String(room.array(), 0, room.position(), StandardCharsets.US_ASCII);
      }
    }

    /** Each of them gets what it has waited for since long before. */
    void verifyToTheEnd() throws Exception {
      assertThat(stored(true)).isEqualTo("what was stored");
      try (Answer ready = holder.call(WORKER + "Ready", JsonObject.of("lease", lease), PATIENCE)) {
        assertThat(ready.descriptors()).isEmpty();
      }
      assertThat(awaited.next(PATIENCE).orElseThrow().string("state")).isEqualTo("ready");
      holder.close();
      assertThat(awaited.next(PATIENCE).orElseThrow().string("state"))
          .as("the lease ends with its connection")
          .isEqualTo("revoked");
      while (!events.await("leaseEnded").optionalString("lease").orElse("").equals(lease)) {
        // Another's.
      }
    }

    @Override
    public void close() {
      holder.close();
      waiter.close();
      events.close();
    }
  }

  @Test
  void aRestartGoesOnInTheSuccessor() throws Exception {
    start();
    SupervisedService slow = stage.service("slow");
    Set<Integer> old = slow.pids();
    LoadGenerator load = stage.load("slow", IN_FLIGHT);
    ProgramProcess restart;
    try (Events events = stage.broker().watch()) {
      restart = stage.begin("restart", "slow");
      events.await("workerStarted");
      upgradeWell();
      events.await("leaseReady");
      upgradeWell();
      events.await("workerExited");
    }
    upgradeWell();
    assertThat(restart.awaitEnd())
        .as("%s\n%s", restart.written(), stage.broker().lastWritten())
        .isZero();
    assertThat(slow.awaitRunning().pids()).hasSize(2).doesNotContainAnyElementsOf(old);
    Stage.endWithoutLoss(load);
  }

  /** By its option, as a supervisor or an installer may start it. */
  @Test
  void takesOverByItsOption() throws Exception {
    BrokerProcess first = start();
    Map<String, SocketIdentity> sockets = SocketIdentity.of(first, LISTENERS);
    int old = first.pid();
    LoadGenerator load = stage.load(IN_FLIGHT);
    BrokerProcess second = stage.startAgain(stage.options().with("--takeover"));
    assertThat(second.pid()).isNotEqualTo(old);
    assertThat(first.process().awaitEnd()).as(first.process().written()).isZero();
    first.abandon();
    assertThat(SocketIdentity.of(second, LISTENERS)).isEqualTo(sockets);
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);
  }

  @Test
  void withoutAPredecessorItJustStarts() throws Exception {
    BrokerProcess broker = start(Options.none().with("--takeover"));
    assertThat(Client.get(broker.port("web"), "/")).contains("worker prints-");
    upgradeWell();
    assertThat(Client.get(broker.port("web"), "/")).contains("worker prints-");
  }

  /** Nor does one that was killed, with its socket left behind, keep it from that. */
  @Test
  void afterADeadPredecessorItRecovers() throws Exception {
    BrokerProcess first = start();
    Map<String, SocketIdentity> sockets = SocketIdentity.of(first, LISTENERS.subList(0, 2));
    Set<Integer> pids = stage.service("web").pids();
    stage.crash();
    BrokerProcess second = stage.startAgain(stage.options().with("--takeover"));
    assertThat(SocketIdentity.of(second, LISTENERS.subList(0, 2))).isEqualTo(sockets);
    assertThat(stage.service("web").pids()).isEqualTo(pids);
  }

  // ---- successors that fail

  /** Each step, and both ways to go away in it. */
  @ParameterizedTest
  @ValueSource(strings = {"close", "stay"})
  void aSuccessorThatGoesAwayChangesNothing(String how) throws Exception {
    BrokerProcess broker = start();
    int pid = broker.pid();
    try (Company company = new Company(broker)) {
      LoadGenerator load = stage.load(8);
      int parts = partsOfAHandover();
      List<String> steps = new ArrayList<>(List.of("connect", "begin"));
      for (int part = 1; part <= parts; part++) {
        steps.add("next" + part);
      }
      steps.addAll(List.of("acknowledged", "commit"));
      assertThat(parts).as("parts of a handover").isPositive();
      long descriptors = restingDescriptors();
      for (String step : steps) {
        ProgramProcess successor = successor(step, how);
        Await.until(
            () -> "at " + step + ": " + successor.written() + "\n" + broker.lastWritten(),
            () -> successor.outLines().contains("at " + step) || !successor.isAlive());
        assertThat(successor.isAlive()).as("%s: %s", step, successor.written()).isTrue();
        if (how.equals("stay")) {
          successor.kill();
        }
        assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid"))
            .as("who serves after %s", step)
            .isEqualTo(pid);
        company.verify();
        assertThat(restingDescriptors()).as("after %s", step).isEqualTo(descriptors);
        successor.close();
      }
      upgradeWell();
      company.verify();
      company.verifyToTheEnd();
      Stage.endWithoutLoss(load);
    }
  }

  /** Stopped in the middle of it; the old one must not wait for it for ever. */
  @Test
  void aSuccessorThatHangsIsGivenUp() throws Exception {
    BrokerProcess broker = start();
    int pid = broker.pid();
    LoadGenerator load = stage.load(8);
    ProgramProcess successor = successor("next1", "stay");
    Await.until(
        () -> "at next1: " + successor.written(), () -> successor.outLines().contains("at next1"));
    assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid")).isEqualTo(pid);
    successor.close();
    assertThat(broker.stderr()).anyMatch(line -> line.contains("was not finished"));
    upgradeWell();
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);
  }

  private int partsOfAHandover() throws Exception {
    ProgramProcess asked = successor("begin", "stay");
    Await.until(() -> asked.written(), () -> asked.outLines().contains("at begin"));
    asked.kill();
    return asked.outLines().stream()
        .filter(line -> line.startsWith("parts "))
        .mapToInt(line -> Integer.parseInt(line.substring("parts ".length())))
        .findFirst()
        .orElseThrow(() -> new AssertionError(asked.written()));
  }

  private ProgramProcess successor(String last, String how) throws Exception {
    return stage.program(
        "a successor up to " + last,
        Checkout.python(),
        Workers.script("successor.py", stage.directory()).toString(),
        stage.broker().socket().toString(),
        last,
        how);
  }

  /** The true program, killed at any moment of its start. */
  @Test
  void aSuccessorThatIsKilledChangesNothing() throws Exception {
    long seed = Long.getLong("holdfast.seed", System.nanoTime());
    System.out.printf("UpgradeIT.aSuccessorThatIsKilledChangesNothing: -Dholdfast.seed=%d%n", seed);
    Random random = new Random(seed);
    BrokerProcess broker = start();
    BrokerFamily family = BrokerFamily.at(broker.socket());
    Map<String, SocketIdentity> sockets = SocketIdentity.of(broker, LISTENERS);
    Set<Integer> pids = stage.service("web").pids();
    LoadGenerator load = stage.load(8);
    for (int i = 0; i < (PROOF ? 60 : 3); i++) {
      int old = broker.pid();
      ProgramProcess upgrade = stage.begin("upgrade");
      Await.until(
          () -> "a successor: " + upgrade.written(),
          () -> family.brokers().stream().anyMatch(pid -> pid != old) || !upgrade.isAlive());
      Stage.awaitMore(load, random.nextInt(1_500));
      List<Integer> all = family.brokers();
      boolean isInTime = all.contains(old);
      // Without the old one it is no successor any more, but the broker.
      all.stream()
          .filter(pid -> isInTime && pid != old)
          .forEach(pid -> ProgramProcess.signal(pid, ProgramProcess.SIGKILL));
      upgrade.awaitEnd();
      assertThat(upgrade.written()).doesNotContain("\tat ");
      Await.until(() -> "one broker: " + family.brokers(), () -> family.brokers().size() == 1);
      if (family.brokers().get(0) != old) {
        broker.succeeded();
      }
      assertThat(SocketIdentity.of(broker, LISTENERS)).as("seed %d", seed).isEqualTo(sockets);
      assertThat(stage.service("web").pids()).as("seed %d", seed).isEqualTo(pids);
    }
    upgradeWell();
    Stage.endWithoutLoss(load);
  }

  /** Programs that are no successor: each is refused with a reason, and nothing changes. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/no/such/program",
        "/etc/passwd",
        "exit 0",
        "exit 3",
        "echo 'it says why it cannot' >&2; exit 1"
      })
  void aProgramThatIsNoSuccessorIsRefused(String program) throws Exception {
    BrokerProcess broker = start();
    int pid = broker.pid();
    Path path = Path.of(program.startsWith("/") ? program : "/dev/null");
    if (!program.startsWith("/")) {
      path = stage.directory().resolve("program");
      Files.writeString(path, "#!/bin/sh\n" + program + "\n");
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    long descriptors = broker.fdCount();
    ProgramProcess upgrade = upgrade("--program", path.toString());
    SupervisedService.assertRefused(upgrade, 1, path.toString());
    if (program.startsWith("echo")) {
      assertThat(upgrade.written() + broker.lastWritten()).contains("it says why it cannot");
    }
    assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid")).isEqualTo(pid);
    Await.until(() -> "no more descriptors", () -> broker.fdCount() <= descriptors);
    assertThat(broker.zombies()).isEmpty();
    upgradeWell();
  }

  /** Another version than it could speak is asked for: nothing is handed over. */
  @Test
  void aFormatThatItDoesNotKnowIsRefused() throws Exception {
    BrokerProcess broker = start();
    int pid = broker.pid();
    try (VarlinkClient client = broker.connect();
        Answer answer =
            client.call(
                "dev.holdfast.Control.Handover",
                JsonObject.of("step", "begin", "formats", List.of(999L)),
                PATIENCE)) {
      throw new AssertionError("it begins: " + answer.parameters());
    } catch (VarlinkException e) {
      assertThat(e.error()).startsWith("dev.holdfast.Control.");
    }
    assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid")).isEqualTo(pid);
    upgradeWell();
  }

  /** Steps that come out of their order end the connection's attempt, and nothing else. */
  @ParameterizedTest
  @ValueSource(strings = {"next", "commit", "serving"})
  void aStepWithoutABeginningIsRefused(String step) throws Exception {
    BrokerProcess broker = start();
    int pid = broker.pid();
    try (VarlinkClient client = broker.connect();
        Answer answer =
            client.call("dev.holdfast.Control.Handover", JsonObject.of("step", step), PATIENCE)) {
      throw new AssertionError("it goes on: " + answer.parameters());
    } catch (VarlinkException | IOException e) {
      assertThat(e).isNotNull(); // Refused by a name, or dropped.
    }
    assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid")).isEqualTo(pid);
    assertThat(Processes.isGone(pid)).isFalse();
  }

  /** Who may do anything else at it may not have it. */
  @Test
  void anotherUserGetsNothing() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can become another user");
    BrokerProcess broker = start();
    Files.setPosixFilePermissions(broker.socket(), PosixFilePermissions.fromString("rw-rw-rw-"));
    int pid = broker.pid();
    List<String> nobody =
        List.of(
            Checkout.installed("setpriv", "util-linux"),
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups");
    List<String> successor = new ArrayList<>(nobody);
    successor.addAll(
        List.of(
            Checkout.python(),
            Workers.script("successor.py", stage.directory()).toString(),
            broker.socket().toString(),
            "begin",
            "call"));
    ProgramProcess asked = stage.program("somebody", successor.toArray(String[]::new));
    assertThat(asked.awaitEnd()).as(asked.written()).isZero();
    assertThat(asked.outLines().get(0)).containsPattern("NotPermitted|PermissionDenied");
    List<String> upgrade = new ArrayList<>(nobody);
    upgrade.addAll(List.of(Checkout.command().toString(), "upgrade"));
    ProgramProcess refused = stage.program("somebody", upgrade.toArray(String[]::new));
    SupervisedService.assertRefused(refused, 77, "root");
    assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid")).isEqualTo(pid);
  }
}
