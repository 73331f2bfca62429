package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.Acquisition;
import dev.holdfast.agent.Hold;
import dev.holdfast.agent.Holdfast;
import dev.holdfast.agent.Lease;
import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Ledger;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerFamily;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.ServiceFile;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.View;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The broker is killed at any moment, and started again; nobody else notices. */
@Timeout(3600)
class CrashIT {
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");
  private static final int KILLS = PROOF ? 50 : 3; // of each kind of worker
  private static final int IN_FLIGHT = 32;
  private static final int WORKERS = 2;
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** How long a lease of a connection waits for its holder to come back, and then some. */
  private static final Duration RESTORING = Duration.ofSeconds(45);

  private static final List<String> LISTENERS =
      List.of("web", "rolling", "lib", "path", "abstract", "datagrams");

  /** What is replaced all the time. */
  enum Rolling {
    /** Asked to end by a signal, at a moment when it has no connection. */
    PYTHON,
    /** Told by its lease. */
    LIBRARY;

    List<String> command(Stage stage) throws IOException {
      return this == PYTHON ? stage.python("patient.py", 0, 0) : echo("rolling");
    }
  }

  /** In the middle of what it is killed. */
  private enum Moment {
    ANY(""),
    START(""),
    TAKEOVER(""),
    ACQUIRE("leaseGranted"),
    END_OF_LEASE("leaseEnded"),
    RELOAD("reloaded"),
    START_OF_A_WORKER("workerStarted"),
    READINESS("leaseReady"),
    STOP_OF_A_WORKER("workerStopping"),
    END_OF_A_WORKER("workerExited");

    private final String event;

    Moment(String event) {
      this.event = event;
    }
  }

  @RegisterExtension final Stage stage = new Stage();

  private final long seed = Long.getLong("holdfast.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final Figures recovered = new Figures();
  private LoadGenerator load;

  /** What must be the same in each life of the broker. */
  private Map<String, SocketIdentity> sockets;

  private Set<Integer> steady;
  private Set<String> leases;
  private Lease mine;

  @ParameterizedTest
  @EnumSource
  void losesNothing(Rolling rolling) throws Exception {
    System.out.printf("CrashIT.losesNothing(%s): -Dholdfast.seed=%d%n", rolling, seed);
    begin(rolling);
    KernelCounters before = KernelCounters.read();
    load = stage.load("web", IN_FLIGHT / 2);
    LoadGenerator other = stage.load("rolling", IN_FLIGHT / 2);
    Beside beside = stage.keep(new Beside());
    goOn(beside);
    List<Moment> moments = new ArrayList<>();
    for (int kill = 1; kill <= KILLS; kill++) {
      Moment moment = Moment.values()[(kill + random.nextInt(2)) % Moment.values().length];
      moments.add(moment);
      killAt(moment);
      verify("kill " + kill + " at " + moment + ", seed " + seed);
    }
    beside.end();
    for (LoadGenerator each : List.of(load, other)) {
      Stage.awaitMore(each, 100);
      Stage.endWithoutLoss(each);
    }
    KernelCounters grown = KernelCounters.read().since(before);
    assertThat(grown.listenOverflows()).as("ListenOverflows").isZero();
    assertThat(grown.listenDrops()).as("ListenDrops").isZero();
    SupervisedService service = stage.service("rolling");
    service.awaitRunning();
    service.restart();
    Await.until(
        RESTORING,
        () -> "no lease but " + leases + ": " + stage.broker().lastWritten(),
        () -> others().isEmpty());
    verify("the end, seed " + seed);
    mine.close(); // else the last of the brokers would end before it
    Ledger.note(
        String.format(
            "broker killed %d times (%s workers rolled, %s): %d served, lost nothing; %d calls and"
                + " commands beside it; from start to recovered: %s",
            KILLS,
            rolling,
            moments.stream().distinct().map(Object::toString).collect(Collectors.joining(" ")),
            load.snapshot().served() + other.snapshot().served(),
            beside.done(),
            recovered));
  }

  private void begin(Rolling rolling) throws Exception {
    describe(rolling);
    stage.start();
    SupervisedService service = stage.service("web");
    steady = service.awaitRunning().pids();
    stage.service("rolling").awaitRunning();
    Workers holders = stage.workers("web");
    ProgramProcess holder =
        holders.launch(
            "holder",
            List.of(
                Checkout.command().toString(),
                "exec",
                "path",
                "abstract",
                "datagrams",
                "--",
                Checkout.installed("sleep", "coreutils"),
                "3600"),
            Map.of());
    ProgramProcess library = holders.launch("library", echo("lib"), Map.of());
    mine = stage.keep(acquire(Hold.CONNECTION));
    Await.until(
        () -> "leases of " + holder + ", " + library,
        () -> leaseOf(holder).size() == 1 && leaseOf(library).size() == 1);
    leases = new TreeSet<>(leaseOf(holder));
    leases.addAll(leaseOf(library));
    leases.add(mine.id());
    service.members().forEach(member -> leases.add(member.lease()));
    sockets = SocketIdentity.of(stage.broker(), LISTENERS);
  }

  private void describe(Rolling rolling) throws IOException {
    stage
        .file()
        .listener("web")
        .listener("rolling")
        .listener("lib")
        .listener("path", "listen = \"unix:" + stage.directory().resolve("path.sock") + "\"")
        .listener("abstract", "listen = \"unix:@" + stage.directory() + "\"")
        .listener("datagrams", "listen = \"udp:127.0.0.1:0W\"")
        .service("web", stage.python("prints.py"), "workers = " + WORKERS)
        .service(
            "rolling", rolling.command(stage), "listeners = [\"rolling\"]", "workers = " + WORKERS);
  }

  /** A worker by the library, which is drained by its lease. */
  private static List<String> echo(String listener) {
    return Stream.concat(
            Stage.java(CrashIT.class).stream().limit(8),
            Stream.of("dev.holdfast.agent.cli.EchoWorker", "--listener", listener))
        .toList();
  }

  private UnixAddress address() {
    return new UnixAddress.Path(BrokerProcess.socketIn(stage.directory()));
  }

  private Lease acquire(Hold hold) throws IOException {
    // Closing it would end a lease that follows the connection.
    Holdfast holdfast = stage.keep(Holdfast.connect(address()));
    return holdfast.acquire(Acquisition.of("lib").hold(hold).timeout(RESTORING));
  }

  // ---- what goes on meanwhile

  private void goOn(Beside beside) {
    beside.begin("library", 5, this::acquireAndRelease);
    beside.begin("exec", 150, () -> runVerb("exec", "lib", "--", "/bin/true"));
    beside.begin("rollout", 50, () -> runVerb("restart", "rolling"));
    beside.begin("reload", 40, this::reload);
    beside.begin("list", 5, () -> call("List"));
  }

  private void acquireAndRelease() throws IOException {
    try (Holdfast holdfast = Holdfast.connect(address());
        Lease lease = holdfast.acquire(Acquisition.of("lib").hold(Hold.CONNECTION))) {
      lease.ready();
    }
  }

  /** It may fail when the broker dies, but must say how, and never by a stack trace. */
  private void runVerb(String... words) throws IOException {
    List<String> command = new ArrayList<>(List.of(Checkout.command().toString()));
    command.addAll(List.of(words));
    String socket = BrokerProcess.socketIn(stage.directory()).toString();
    ProgramProcess verb =
        ProgramProcess.start(String.join(" ", command), command, Map.of("HOLDFAST_SOCKET", socket));
    int code = verb.awaitEnd();
    if (code != 0) {
      assertThat(verb.written()).as("%s: %d", verb, code).isNotBlank().doesNotContain("\tat ");
      throw new IOException(verb + " ended with " + code + ": " + verb.written());
    }
  }

  private void reload() throws IOException, VarlinkException {
    ServiceFile file = stage.file();
    if (random(2) == 0) {
      file.listener("extra" + random(3));
    } else {
      file.without("listener.extra" + random(3));
    }
    file.listener("lib", "backlog = " + (1000 + random(100)), "listen = \"127.0.0.1:0W\"");
    file.write();
    call("Reload");
  }

  private void call(String method) throws IOException, VarlinkException {
    try (VarlinkClient client = VarlinkClient.connect(address());
        Answer answer = client.call("dev.holdfast.Control." + method, JsonObject.EMPTY, PATIENCE)) {
      assertThat(answer.descriptors()).isEmpty();
    }
  }

  private int random(int bound) {
    synchronized (random) {
      return random.nextInt(bound);
    }
  }

  // ---- its ends

  private void killAt(Moment moment) throws Exception {
    switch (moment) {
      case ANY -> {
        awaitServed(8_000);
        stage.crash();
      }
      case START -> {
        stage.crash();
        dieInTheBeginning();
      }
      case TAKEOVER -> {
        if (killInATakeover()) {
          return;
        }
      }
      default -> {
        try (Events events = stage.broker().watch()) {
          events.await(moment.event);
        }
        awaitServed(20);
        stage.crash();
      }
    }
    recovered.add(stage.startAgain().startedIn());
  }

  /** A moment that nobody can foresee: until so many more requests were answered, at most. */
  private void awaitServed(int most) {
    Stage.awaitMore(load, random(most));
  }

  private void dieInTheBeginning() throws Exception {
    ProgramProcess started = stage.keep(BrokerProcess.launch(stage.options(), stage.directory()));
    awaitServed(2_000);
    started.signal(ProgramProcess.SIGKILL);
    assertThat(started.awaitEnd()).as(started.written()).isNotZero();
  }

  /** Kills the old one, its successor, or both; says whether one of them serves. */
  private boolean killInATakeover() throws Exception {
    BrokerProcess broker = stage.broker();
    BrokerFamily family = BrokerFamily.at(broker.socket());
    int old = broker.pid();
    ProgramProcess upgrade = stage.begin("upgrade");
    Await.until(
        () -> "a successor of pid " + old + ": " + upgrade.written(),
        () -> family.brokers().stream().anyMatch(pid -> pid != old) || !upgrade.isAlive());
    awaitServed(3_000);
    int which = random(3);
    List<Integer> victims =
        family.brokers().stream()
            .filter(pid -> which == 0 || (which == 1) == (pid == old))
            .toList();
    victims.forEach(pid -> ProgramProcess.signal(pid, ProgramProcess.SIGKILL));
    upgrade.awaitEnd();
    assertThat(upgrade.written()).doesNotContain("\tat ");
    Await.until(
        () -> "one broker or none: " + family.brokers() + "\n" + broker.lastWritten(),
        () -> family.brokers().isEmpty() || serves(family.brokers()));
    if (family.brokers().isEmpty()) {
      broker.abandon();
      return false;
    }
    broker.reconnected();
    return true;
  }

  private boolean serves(List<Integer> all) {
    if (all.size() > 1) {
      return false;
    }
    try (VarlinkClient client = VarlinkClient.connect(address());
        Answer status = client.call("dev.holdfast.Control.Status", JsonObject.EMPTY, PATIENCE)) {
      return all.get(0) == (int) status.parameters().integer("pid");
    } catch (IOException | VarlinkException e) {
      return false;
    }
  }

  // ---- what must be as before

  private void verify(String when) throws Exception {
    BrokerProcess broker = stage.broker();
    assertThat(SocketIdentity.of(broker, LISTENERS)).as(when).isEqualTo(sockets);
    assertThat(SocketIdentity.inodesOf(broker.pid()))
        .as(when)
        .containsAll(sockets.values().stream().map(SocketIdentity::inode).toList());
    View web = stage.service("web").view();
    assertThat(web.pids()).as("%s: %s", when, web).isEqualTo(steady);
    assertThat(web.members("ready")).as("%s: %s", when, web).hasSize(WORKERS);
    assertThat(web.restarts()).as(when).isZero();
    View rolling = stage.service("rolling").view();
    assertThat(rolling.members("ready").size())
        .as("%s, serving: %s\n%s", when, rolling, broker.lastWritten())
        .isGreaterThanOrEqualTo(WORKERS);
    Await.until(
        () -> when + ": leases " + leases + "\n" + broker.lastWritten(),
        () -> leases().containsAll(leases));
    String word = "word-" + System.nanoTime();
    assertThat(Client.get(broker.port("web"), "/print?" + word)).contains("worker prints-");
    Await.until(
        () -> when + ": the output of a worker in\n" + broker.lastWritten(),
        () -> broker.stderr().stream().anyMatch(line -> line.contains("printed " + word)));
    assertThat(broker.process().written()).as(when).doesNotContain("\tat ");
  }

  private Set<String> leases() throws IOException, VarlinkException {
    return stage.broker().leases().stream()
        .map(each -> each.string("lease"))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private List<String> leaseOf(ProgramProcess holder) throws IOException, VarlinkException {
    return stage.broker().leases().stream()
        .filter(each -> each.integer("pid") == holder.pid())
        .map(each -> each.string("lease"))
        .toList();
  }

  /** Leases that are neither of those that stay nor of a worker that rolls. */
  private Set<String> others() throws IOException, VarlinkException {
    Set<String> others = leases();
    others.removeAll(leases);
    stage.service("rolling").members().forEach(each -> others.remove(each.lease()));
    return others;
  }

  // ---- by itself

  /** What an operator waits for ends with the broker; the rollout itself goes on. */
  @Test
  void aRolloutGoesOn() throws Exception {
    stage
        .file()
        .listener("web")
        .service("web", stage.python("patient.py", 1, 0), "workers = 3", "ready-timeout = \"20s\"");
    stage.start();
    SupervisedService web = stage.service("web");
    View before = web.awaitRunning();
    Set<Integer> old = before.pids();
    load = stage.load(IN_FLIGHT);
    ProgramProcess restart;
    try (Events events = stage.broker().watch()) {
      restart = stage.begin("restart", "web");
      events.await("workerExited");
    }
    stage.crash();
    assertThat(restart.awaitEnd()).as(restart.written()).isNotZero();
    stage.startAgain();
    SupervisedService again = stage.service("web");
    View done =
        again.await(
            "all replaced",
            view ->
                view.state().equals("running")
                    && view.ready() == 3
                    && view.members().size() == 3
                    && view.pids().stream().noneMatch(old::contains));
    assertThat(done.generation()).isEqualTo(before.generation() + 1);
    again.restart();
    Stage.endWithoutLoss(load);
  }

  /** One that ended meanwhile is noticed, and its service has as many again. */
  @Test
  void aWorkerThatEndedMeanwhileIsStartedAgain() throws Exception {
    stage
        .file()
        .listener("web")
        .service("web", stage.python("late.py", 0, "before"), "workers = 3");
    stage.start();
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    List<Integer> old = List.copyOf(stage.service("web").awaitRunning().pids());
    stage.crash();
    ProgramProcess.signal(old.get(0), ProgramProcess.SIGKILL);
    stage.startAgain();
    View view =
        stage
            .service("web")
            .await("three again", each -> each.ready() == 3 && each.members().size() == 3);
    assertThat(view.pids()).contains(old.get(1), old.get(2)).doesNotContain(old.get(0));
    assertThat(SocketIdentity.of(stage.broker(), "web")).isEqualTo(socket);
    assertThat(stage.broker().lastWritten()).containsPattern("event=worker(Exited|Failed)");
  }

  /** What waits in the queue while there is no broker, and no worker accepts, is served later. */
  @Test
  void theQueueIsKeptByAHolderThatSleeps() throws Exception {
    stage.file().listener("web");
    stage.start();
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    int port = stage.port();
    Workers workers = stage.workers("web");
    ProgramProcess holder =
        workers.exec("holder", Checkout.installed("sleep", "coreutils"), "3600");
    Await.until(() -> "its lease", () -> leaseOf(holder).size() == 1);
    List<Client> waiting = new ArrayList<>();
    waiting.add(stage.keep(Client.asking(port, "/")));
    stage.crash();
    waiting.add(stage.keep(Client.asking(port, "/")));
    stage.startAgain();
    waiting.add(stage.keep(Client.asking(port, "/")));
    assertThat(SocketIdentity.of(stage.broker(), "web")).isEqualTo(socket);
    assertThat(leaseOf(holder)).hasSize(1);
    ProgramProcess server =
        stage
            .workers("web")
            .exec(
                "server",
                Checkout.python(),
                Workers.script("late.py", stage.directory()).toString(),
                "0",
                "before");
    for (Client each : waiting) {
      assertThat(Client.pidIn(each.answer())).isEqualTo(server.pid());
    }
  }

  /** Killed in the very moment in which a worker stands still to be asked to end. */
  @Test
  void aWorkerThatWasFrozenToBeStoppedRunsAgain() throws Exception {
    stage.file().listener("web", "blocking = true").service("web", stage.python("naive.py"));
    stage.start();
    SupervisedService web = stage.service("web");
    load = stage.load(8);
    for (int i = 0; i < (PROOF ? 20 : 2); i++) {
      int old = web.awaitRunning().pids().iterator().next();
      ProgramProcess restart;
      try (Events events = stage.broker().watch()) {
        restart = stage.begin("restart", "web");
        events.await("workerStopping");
      }
      stage.crash();
      assertThat(restart.awaitEnd()).as(restart.written()).isNotZero();
      stage.startAgain();
      web = stage.service("web");
      View view =
          web.await(
              "one that is new and ready",
              each -> each.members("ready").stream().anyMatch(member -> member.pid() != old));
      assertThat(view.members("ready")).isNotEmpty();
    }
    web.awaitRunning();
    Stage.awaitMore(load, 50);
    Stage.endWithoutLoss(load);
  }

  /** TERM while nobody has asked it anything: ends well, and there is nothing to recover then. */
  @Test
  void whatEndedOnPurposeIsNotRecovered() throws Exception {
    stage.file().listener("web").service("web", stage.python("late.py", 0, "before"));
    stage.start();
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    stage.service("web").awaitRunning();
    assertThat(stage.broker().terminate()).isZero();
    stage.startAgain();
    stage.service("web").awaitRunning();
    assertThat(SocketIdentity.of(stage.broker(), "web").cookie()).isNotEqualTo(socket.cookie());
    assertThat(stage.broker().lastWritten()).doesNotContain("listenerLost", "listenerRecovered");
  }
}
