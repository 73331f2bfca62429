package dev.holdfast.broker.javaagent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.varlink.JsonObject;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.newsclub.net.unix.AFUNIXSocket;
import org.newsclub.net.unix.AFUNIXSocketAddress;

/** The lease of an unmodified JVM: had, ready, drained, and had again after the broker's death. */
@Timeout(180)
class AgentLeaseIT {
  private static final String HOST = "127.0.0.1";
  private static final int TERMINATED = 128 + ProgramProcess.SIGTERM;
  private static final int ROLLOUTS = 3;

  /** By then a server that is believed to be idle has ended. */
  private static final Duration SETTLED = Duration.ofMillis(500);

  private static final int KILLS = 2;

  /** How a JVM comes by its listener. */
  enum Way {
    /** {@code holdfast exec} passes it. */
    EXEC,
    /** The agent asks the broker for it in the bind. */
    BARE
  }

  @RegisterExtension final Stage stage = new Stage();

  private int port;

  private void start(String... lines) throws Exception {
    port = ListeningSocket.freePort();
    String[] all = new String[lines.length + 1];
    all[0] = "listen = \"" + HOST + ":" + port + "\"";
    System.arraycopy(lines, 0, all, 1, lines.length);
    stage.file().listener("web", all);
    stage.start();
  }

  /**
   * Starts a copy of the service shop that replaces the one before, and waits until it is ready.
   */
  private ProgramProcess next(Way way, String kind, String agentOptions) throws Exception {
    Adopting jvm = Adopting.of(Binder.class, kind, HOST, port);
    String[] server =
        jvm.agent(way == Way.EXEC ? agentOptions : joined(agentOptions, "service=shop,replace"))
            .words();
    ProgramProcess program =
        way == Way.EXEC
            ? stage.workers("web").exec("server", List.of("--service", "shop", "--replace"), server)
            : stage.program("server", server);
    awaitReady(program);
    return program;
  }

  /** Another one that is ready, and of no service: it does not ask for the drain of the first. */
  private ProgramProcess beside() throws Exception {
    ProgramProcess program =
        stage
            .workers("web")
            .exec("second", Adopting.of(Binder.class, "channel", HOST, port).words());
    awaitReady(program);
    return program;
  }

  private static String joined(String first, String second) {
    return first.isEmpty() ? second : first + "," + second;
  }

  private Optional<JsonObject> leaseOf(ProgramProcess program) throws Exception {
    return stage.broker().leases().stream()
        .filter(each -> each.integer("pid") == program.pid())
        .findFirst();
  }

  private void awaitReady(ProgramProcess program) {
    Await.until(
        () -> "a ready lease of " + program + "\n" + program.written(),
        () -> leaseOf(program).filter(each -> each.string("state").equals("ready")).isPresent());
  }

  private String lease(ProgramProcess program) throws Exception {
    return leaseOf(program).orElseThrow().string("lease");
  }

  private void drain(ProgramProcess program) throws Exception {
    ProgramProcess drain = stage.begin("drain", lease(program), "--deadline", "20s");
    assertThat(drain.awaitEnd()).as(drain.written()).isZero();
  }

  // ---- drains

  @ParameterizedTest
  @CsvSource({"EXEC, selector, false", "BARE, socket, false", "EXEC, socket, true"})
  void aRolloutUnderLoadLosesNothing(Way way, String kind, boolean blocking) throws Exception {
    start("blocking = " + blocking);
    ProgramProcess before = next(way, kind, "");
    LoadGenerator load = stage.load(16);
    for (int i = 0; i < ROLLOUTS; i++) {
      Stage.awaitMore(load, 200);
      ProgramProcess after = next(way, kind, "");
      assertThat(before.awaitEnd()).as(before.written()).isEqualTo(TERMINATED);
      assertThat(before.errLines()).isEmpty();
      before = after;
    }
    Stage.awaitMore(load, 200);
    Stage.endWithoutLoss(load);
    assertThat(stage.broker().leases()).hasSize(1);
    assertThat(leaseOf(before).orElseThrow().optionalString("service")).hasValue("shop");
  }

  @ParameterizedTest
  @EnumSource
  void aDrainedServerEndsAndLosesNothing(Way way) throws Exception {
    start();
    ProgramProcess first = next(way, "channel", "");
    ProgramProcess second = beside();
    LoadGenerator load = stage.load(16);
    Stage.awaitMore(load, 200);
    drain(first);
    assertThat(first.awaitEnd()).as(first.written()).isEqualTo(TERMINATED);
    Stage.awaitMore(load, 200);
    Stage.endWithoutLoss(load);
    assertThat(second.isAlive()).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void aServerThatIsToLiveOnAcceptsNoMore(Way way) throws Exception {
    start();
    ProgramProcess first = next(way, "selector", "drain=close");
    ProgramProcess second = beside();
    LoadGenerator load = stage.load(16);
    Stage.awaitMore(load, 200);
    drain(first);
    Await.until(() -> "the end of its lease: " + first.written(), () -> leaseOf(first).isEmpty());
    for (int i = 0; i < 50; i++) {
      assertThat(Client.pid(port)).isEqualTo(second.pid());
    }
    Stage.endWithoutLoss(load);
    assertThat(first.isAlive()).isTrue();
    assertThat(SocketIdentity.inodesOf(first.pid()))
        .doesNotContain(SocketIdentity.of(stage.broker(), "web").inode());
  }

  // ---- signals

  /** By a broker that does not know yet whom to ask, for example, or by init. */
  @ParameterizedTest
  @EnumSource
  void oneThatIsTerminatedLosesNothing(Way way) throws Exception {
    start();
    ProgramProcess server = next(way, "selector", "");
    ProgramProcess unused = beside();
    LoadGenerator load = stage.load(16);
    Stage.awaitMore(load, 200);
    server.signal(ProgramProcess.SIGTERM);
    assertThat(server.awaitEnd()).as(server.written()).isEqualTo(TERMINATED);
    assertThat(server.errLines()).isEmpty();
    Stage.awaitMore(load, 200);
    Stage.endWithoutLoss(load);
  }

  /** Accepts a connection that says nothing, and is asked to end. */
  private Client terminated(ProgramProcess server, String listener) throws Exception {
    assertThat(pid(listener)).isEqualTo(server.pid()); // all that it opens once is open
    int before = SocketIdentity.inodesOf(server.pid()).size();
    Client silent = stage.keep(client(listener));
    Await.until(
        () -> "an accepted connection",
        () -> SocketIdentity.inodesOf(server.pid()).size() == before + 1);
    server.signal(ProgramProcess.SIGTERM);
    Await.until(
        () -> "a socket in the listener's place: " + server.written(),
        () -> SocketIdentity.inodesOf(server.pid()).size() > before + 1);
    return silent;
  }

  private Client client(String listener) throws Exception {
    return Client.over(
        listener.startsWith("unix:")
            ? AFUNIXSocket.connectTo(
                AFUNIXSocketAddress.of(Path.of(listener.substring("unix:".length()))))
            : new Socket(host(listener), port));
  }

  private int pid(String listener) throws Exception {
    try (Client client = client(listener)) {
      client.ask("/");
      return Client.pidIn(client.answer());
    }
  }

  private static String host(String listener) {
    return listener.substring(0, listener.lastIndexOf(':')).replaceAll("[\\[\\]]", "");
  }

  private ProgramProcess patient(String listener) throws Exception {
    Adopting jvm =
        listener.startsWith("unix:")
            ? Adopting.of(Binder.class, "unix", listener.substring("unix:".length()))
            : Adopting.of(Binder.class, "channel", host(listener), port);
    ProgramProcess server = stage.program("server", jvm.agent("quiet=60s").words());
    awaitReady(server);
    return server;
  }

  private String startOn(String listener) throws Exception {
    port = ListeningSocket.freePort();
    String all =
        listener.startsWith("unix:")
            ? "unix:" + stage.directory().resolve(listener.substring("unix:".length()))
            : listener + port;
    stage.file().listener("web", "listen = \"" + all + "\"");
    stage.start();
    return all;
  }

  /** Its program knows of no graceful stop, and is not told of the signal until it is idle. */
  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1:", "[::1]:", "unix:web.sock"})
  void whatWasAcceptedIsAnsweredBeforeTheEnd(String where) throws Exception {
    String listener = startOn(where);
    ProgramProcess server = patient(listener);
    Client silent = terminated(server, listener);
    assertThatThrownBy(() -> server.onExit().get(SETTLED.toMillis(), TimeUnit.MILLISECONDS))
        .isInstanceOf(TimeoutException.class);
    silent.ask("/");
    assertThat(Client.pidIn(silent.answer())).isEqualTo(server.pid());
    assertThat(server.awaitEnd()).as(server.written()).isEqualTo(TERMINATED);
  }

  @Test
  void whoTerminatesTwiceIsNotMadeToWait() throws Exception {
    String listener = startOn("127.0.0.1:");
    ProgramProcess server = patient(listener);
    Client unused = terminated(server, listener);
    server.signal(ProgramProcess.SIGTERM);
    assertThat(server.awaitEnd()).as(server.written()).isEqualTo(TERMINATED);
  }

  @ParameterizedTest
  @EnumSource
  void aProgramThatHandlesTheSignalItselfStillDoes(Way way) throws Exception {
    start();
    Adopting jvm =
        Adopting.words(
            "-cp",
            Checkout.testClassPath() + ":" + Checkout.agentClassPath(),
            OwnSignal.class.getName(),
            HOST,
            String.valueOf(port));
    ProgramProcess server =
        way == Way.EXEC
            ? stage.workers("web").exec("server", jvm.words())
            : stage.program("server", jvm.words());
    awaitReady(server);
    server.signal(ProgramProcess.SIGTERM);
    assertThat(server.awaitEnd()).as(server.written()).isEqualTo(7);
    assertThat(server.outLines()).containsExactly("own TERM");
  }

  // ---- the broker's death

  private static void assertHasReplaced(
      ProgramProcess after, ProgramProcess before, LoadGenerator load) throws Exception {
    assertThat(before.awaitEnd()).as(before.written()).isEqualTo(TERMINATED);
    Stage.awaitMore(load, 200);
    Stage.endWithoutLoss(load);
    assertThat(after.isAlive()).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void theBrokersDeathIsNotNoticed(Way way) throws Exception {
    start();
    ProgramProcess server = next(way, "selector", "");
    String lease = lease(server);
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    LoadGenerator load = stage.load(8);
    for (int i = 0; i < KILLS; i++) {
      stage.crash();
      Stage.awaitMore(load, 200); // served while there is no broker
      stage.startAgain();
      assertThat(SocketIdentity.of(stage.broker(), "web")).isEqualTo(socket);
      awaitReady(server);
      assertThat(lease(server)).isEqualTo(lease);
      ProgramProcess list = stage.begin("list");
      assertThat(list.awaitEnd()).isZero();
      assertThat(list.written()).contains(lease, String.valueOf(server.pid()));
    }
    ProgramProcess after = next(way, "selector", "");
    assertHasReplaced(after, server, load);
  }

  /**
   * It waited to be told of drains, and cannot have said so again to the new broker: a signal would
   * end it with what it has accepted.
   */
  @ParameterizedTest
  @EnumSource
  void whoIsNotBackYetIsNotEndedByASignal(Way way) throws Exception {
    start();
    ProgramProcess server = next(way, "selector", "");
    String lease = lease(server);
    LoadGenerator load = stage.load(8);
    Stage.awaitMore(load, 200);
    server.signal(ProgramProcess.SIGSTOP);
    ProgramProcess after;
    try {
      stage.crash();
      stage.startAgain();
      after = next(way, "selector", "");
      Await.until(
          () -> lease + " drains: " + stage.broker().lastWritten(),
          () -> leaseOf(server).orElseThrow().string("state").equals("draining"));
    } finally {
      server.signal(ProgramProcess.SIGCONT);
    }
    assertHasReplaced(after, server, load);
  }

  /** As where a sandbox forbids it: then the agent itself brings the listener back. */
  @Test
  void aListenerComesBackFromTheAgentWhereNoneMayBeTaken() throws Exception {
    start();
    ProgramProcess server = next(Way.BARE, "socket", "");
    String lease = lease(server);
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    LoadGenerator load = stage.load(8);
    stage.crash();
    Path trace = stage.directory().resolve("strace");
    stage.startAgain(
        stage
            .options()
            .under(
                Checkout.installed("strace", "strace"),
                "-D",
                "-f",
                "--seccomp-bpf",
                "-e",
                "trace=pidfd_getfd",
                "-e",
                "inject=pidfd_getfd:error=EPERM",
                "-o",
                trace.toString()));
    Await.until(
        () -> "the listener of before: " + stage.broker().lastWritten(),
        () ->
            stage.broker().listener("web").has("endpoint")
                && SocketIdentity.of(stage.broker(), "web").equals(socket));
    awaitReady(server);
    assertThat(lease(server)).isEqualTo(lease);
    Stage.awaitMore(load, 200);
    Stage.endWithoutLoss(load);
    server.kill(); // before the broker that was started after it ends
  }

  /** A program must not hang in accept, or anywhere, for a broker that has stopped answering. */
  @Test
  void aBrokerThatHangsDelaysNoServer() throws Exception {
    start();
    ProgramProcess server = next(Way.BARE, "socket", "");
    LoadGenerator load = stage.load(8);
    ProgramProcess.signal(stage.broker().pid(), ProgramProcess.SIGSTOP);
    try {
      Stage.awaitMore(load, 500);
    } finally {
      ProgramProcess.signal(stage.broker().pid(), ProgramProcess.SIGCONT);
    }
    Stage.endWithoutLoss(load);
    assertThat(server.isAlive()).isTrue();
  }
}
