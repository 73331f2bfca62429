package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Ledger;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.Probe;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Servers that run already are taken under the broker, and replaced, and nobody notices. */
@Timeout(180)
class AdoptIT {

  /** Programs of others, as each is started without a broker, and behind one. */
  private enum Kind {
    NGINX("QUIT") {
      @Override
      List<String> alone(AdoptIT test) throws IOException {
        return test.nginx("first");
      }

      @Override
      List<String> behind(AdoptIT test, String name) throws IOException {
        List<String> words = new ArrayList<>(List.of("--env", "NGINX", "web", "--"));
        words.addAll(test.nginx(name));
        return words;
      }
    },
    NODE("TERM") {
      @Override
      List<String> alone(AdoptIT test) throws IOException {
        return test.node("http.js", Integer.toString(test.port));
      }

      @Override
      List<String> behind(AdoptIT test, String name) throws IOException {
        List<String> words = new ArrayList<>(List.of("web", "--"));
        words.addAll(test.node("service.js", "{fd:web}"));
        return words;
      }
    },
    /**
     * Asked to end by TERM, it drops a connection that it accepts in that moment, whoever asks. So
     * it is not asked, but ended when it has none.
     */
    TOMCAT("KILL") {
      @Override
      List<String> alone(AdoptIT test) throws IOException {
        return test.tomcat(Integer.toString(test.port));
      }

      @Override
      List<String> behind(AdoptIT test, String name) throws IOException {
        List<String> words = new ArrayList<>(List.of("--fd0", "web", "--"));
        words.addAll(test.tomcat("inherited"));
        return words;
      }
    };

    private final String stopSignal;

    Kind(String stopSignal) {
      this.stopSignal = stopSignal;
    }

    abstract List<String> alone(AdoptIT test) throws IOException;

    abstract List<String> behind(AdoptIT test, String name) throws IOException;
  }

  @RegisterExtension final Stage stage = new Stage();

  private int port;

  @BeforeEach
  void choosePort() throws IOException {
    port = ListeningSocket.freePort();
  }

  private List<String> node(String script, String argument) throws IOException {
    return List.of(
        Checkout.installed("node", "nodejs"),
        Workers.script(script, stage.directory()).toString(),
        argument);
  }

  private List<String> tomcat(String argument) throws IOException {
    Path base = Files.createDirectories(stage.directory().resolve("tomcat"));
    return List.of(
        Checkout.JAVA_HOME.resolve("bin/java").toString(),
        "-Xmx96m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        TomcatServer.classPath(Checkout.testClassPath()),
        TomcatServer.class.getName(),
        argument,
        base.toString());
  }

  private List<String> nginx(String name) throws IOException {
    Path prefix = Files.createDirectories(stage.directory().resolve(name));
    List<String> lines = new ArrayList<>(List.of("daemon off;", "error_log error.log;"));
    if (Checkout.isRoot()) {
      lines.add("user root;");
    }
    lines.addAll(List.of("pid nginx.pid;", "events { }", "http {", "access_log off;"));
    for (String each : List.of("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) {
      lines.add(each + "_temp_path " + each + ";");
    }
    lines.add("server { listen 127.0.0.1:" + port + ";");
    lines.add("add_header X-Worker nginx-$pid;");
    lines.add("location / { return 200 \"worker nginx-$pid pid $pid\\n\"; } } }");
    Files.write(prefix.resolve("nginx.conf"), lines);
    return List.of(
        Checkout.installed("nginx", "nginx-light"),
        "-p",
        prefix.toString(),
        "-e",
        "error.log",
        "-c",
        "nginx.conf");
  }

  /** A program that runs without any broker. */
  private ProgramProcess alone(List<String> command) throws Exception {
    ProgramProcess server = stage.keep(ProgramProcess.start("alone", command, Map.of()));
    Await.until(
        () -> server + " listens: " + server.written(),
        () -> ListeningSocket.inode(port).isPresent() || !server.isAlive());
    assertThat(server.isAlive()).as(server.written()).isTrue();
    return server;
  }

  private ProgramProcess adopt(ProgramProcess server, String... more) throws Exception {
    List<String> words =
        new ArrayList<>(List.of("adopt", "web", "--pid", Integer.toString(server.pid())));
    words.addAll(List.of(more));
    ProgramProcess adopt = stage.begin(words.toArray(String[]::new));
    adopt.awaitEnd();
    stage.keep(server); // it has a lease by now, so after the test it ends before the broker
    return adopt;
  }

  private void adoptWell(ProgramProcess server, String... more) throws Exception {
    ProgramProcess adopt = adopt(server, more);
    assertThat(adopt.awaitEnd())
        .as("%s\n%s", adopt.written(), stage.broker().lastWritten())
        .isZero();
  }

  private LoadPlan plan(int concurrency, int perSecond) throws IOException {
    return LoadPlan.against(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port))
        .withConcurrency(concurrency)
        .withPerSecond(perSecond)
        .withTimeouts(Duration.ofSeconds(30), Duration.ofSeconds(30));
  }

  private JsonObject lease(int pid) throws Exception {
    return stage.broker().leases().stream()
        .filter(each -> each.integer("pid") == pid)
        .findFirst()
        .orElseThrow(
            () ->
                new AssertionError("no lease of pid " + pid + "\n" + stage.broker().lastWritten()));
  }

  private void awaitReady(ProgramProcess worker) {
    Await.until(
        Duration.ofSeconds(30),
        () -> worker + " is not ready: " + worker.written() + stage.broker().lastWritten(),
        () ->
            stage.broker().leases().stream()
                .anyMatch(
                    each ->
                        each.integer("pid") == worker.pid()
                            && each.string("state").equals("ready")));
  }

  @ParameterizedTest
  @EnumSource
  void aRunningServerIsAdoptedAndReplaced(Kind kind) throws Exception {
    ProgramProcess first = alone(kind.alone(this));
    // Tomcat has a connection at nearly every moment otherwise, and is never found without one.
    LoadGenerator load =
        stage.keep(LoadGenerator.start(kind == Kind.TOMCAT ? plan(8, 300) : plan(32, 2_000)));
    Stage.awaitMore(load, 50);
    long inode = ListeningSocket.inode(port).orElseThrow();
    stage.start();
    adoptWell(
        first,
        "--port",
        Integer.toString(port),
        "--service",
        "shop",
        "--stop-signal",
        kind.stopSignal);
    BrokerProcess broker = stage.broker();
    assertThat(broker.listener("web").string("endpoint"))
        .isIn("tcp:127.0.0.1:" + port, "tcp:[::ffff:7f00:1]:" + port);
    assertThat(broker.listener("web").string("spec")).isEqualTo("127.0.0.1:" + port);
    assertThat(SocketIdentity.of(broker, "web").inode()).isEqualTo(inode);
    assertThat(lease(first.pid()).string("state")).isEqualTo("ready");
    assertThat(lease(first.pid()).string("service")).isEqualTo("shop");
    assertThat(broker.lastWritten()).contains("event=listenerAdopted name=web");
    ProgramProcess old = first;
    for (String name : List.of("second", "third")) {
      ProgramProcess next = stage.workers("web").launch(name, replacing(kind, name), Map.of());
      assertThat(old.awaitEnd()).as(old.written()).isGreaterThanOrEqualTo(0);
      awaitReady(next);
      Stage.awaitMore(load, 50);
      assertThat(next.hasInFamily(Probe.http(port).pid())).as("who answers").isTrue();
      old = next;
      // What was adopted is as safe as what was bound here.
      stage.crash();
      broker = stage.startAgain();
      stage.keep(next);
      assertThat(SocketIdentity.of(broker, "web").inode()).isEqualTo(inode);
      assertThat(lease(next.pid()).string("state")).isEqualTo("ready");
    }
    assertThat(ListeningSocket.inode(port)).hasValue(inode);
    long served = Stage.endWithoutLoss(load).served();
    Ledger.note(
        String.format(
            "%s adopted under load and replaced twice: %d served, lost nothing", kind, served));
  }

  private List<String> replacing(Kind kind, String name) throws IOException {
    List<String> command = new ArrayList<>(List.of(Checkout.command().toString(), "exec"));
    command.addAll(List.of("--service", "shop", "--replace", "--stop-signal", kind.stopSignal));
    command.addAll(kind.behind(this, name));
    return command;
  }

  /** Its service is its name, and its only listener needs no port, where nothing else is said. */
  @Test
  void littleHasToBeSaid() throws Exception {
    ProgramProcess server = alone(node("http.js", Integer.toString(port)));
    stage.start();
    adoptWell(server);
    assertThat(lease(server.pid()).string("service")).isEqualTo("web");
    assertThat(stage.broker().listener("web").integer("port")).isEqualTo(port);
    server.kill();
    Await.until(() -> "the end of its lease", () -> stage.broker().leases().isEmpty());
    Client queued = stage.keep(Client.asking(port, "/"));
    ProgramProcess next =
        stage.workers("web").exec("next", node("service.js", "{fd:web}").toArray(String[]::new));
    assertThat(Client.pidIn(queued.answer())).isEqualTo(next.pid());
  }

  @Test
  void jsonTellsWhatWasAdopted() throws Exception {
    ProgramProcess server = alone(node("http.js", Integer.toString(port)));
    stage.start();
    ProgramProcess adopt = adopt(server, "--json");
    assertThat(adopt.awaitEnd()).as(adopt.written()).isZero();
    JsonObject said = dev.holdfast.varlink.Json.parse(String.join("\n", adopt.outLines()));
    assertThat(said.object("listener").integer("port")).isEqualTo(port);
    assertThat(lease(server.pid()).string("lease")).isEqualTo(said.string("lease"));
  }

  /** Only if asked: the flag is the program's as well. */
  @Test
  void theFlagIsChangedOnlyIfAsked() throws Exception {
    ProgramProcess server = python(port, ListeningSocket.freePort());
    stage.start();
    adoptWell(server, "--port", Integer.toString(port));
    assertThat(stage.broker().listener("web").bool("blocking")).isTrue();
    stage.broker().control("Close", JsonObject.of("name", "web"));
    adoptWell(server, "--port", Integer.toString(port), "--nonblocking");
    assertThat(stage.broker().listener("web").bool("blocking")).isFalse();
  }

  /** One that is configured, but not listening yet, gets the socket and its settings. */
  @Test
  void aConfiguredListenerKeepsWhatWasAdopted() throws Exception {
    ProgramProcess server = alone(node("http.js", Integer.toString(port)));
    long inode = ListeningSocket.inode(port).orElseThrow();
    stage.start();
    adoptWell(server);
    stage.file().listener("web", "listen = \"127.0.0.1:" + port + "\"", "idle = \"queue\"");
    stage.reload();
    assertThat(SocketIdentity.of(stage.broker(), "web").inode()).isEqualTo(inode);
    assertThat(lease(server.pid()).string("state")).isEqualTo("ready");
  }

  // ---- refusals

  /** Two sockets that listen. */
  private ProgramProcess python(int one, int other) throws Exception {
    ProgramProcess server =
        stage.keep(
            ProgramProcess.start(
                "two",
                List.of(
                    Checkout.python(),
                    "-c",
                    "import signal, socket, sys; s = [socket.create_server(('127.0.0.1', int(p)))"
                        + " for p in sys.argv[1:]]; print('listening', flush=True);"
                        + " signal.pause()",
                    Integer.toString(one),
                    Integer.toString(other)),
                Map.of()));
    Await.until(() -> server.written(), () -> server.outLines().contains("listening"));
    return server;
  }

  @Test
  void severalAreListedAndNoneIsTaken() throws Exception {
    int other = ListeningSocket.freePort();
    ProgramProcess server = python(port, other);
    BrokerProcess broker = stage.start();
    long descriptors = broker.fdCount();
    SupervisedService.assertRefused(
        adopt(server), 1, "127.0.0.1:" + port, "127.0.0.1:" + other, "--port");
    SupervisedService.assertRefused(adopt(server, "--port", "1"), 1, "127.0.0.1:" + port);
    assertThat(broker.control("List", JsonObject.EMPTY).objects("listeners")).isEmpty();
    Await.until(() -> "no more descriptors", () -> broker.fdCount() <= descriptors);
    adoptWell(server, "--endpoint", "tcp:127.0.0.1:" + other);
    assertThat(broker.listener("web").integer("port")).isEqualTo(other);
    // The name is taken by now, and so is the socket.
    SupervisedService.assertRefused(adopt(server, "--port", Integer.toString(port)), 1, "web");
  }

  @Test
  void twoSocketsOfOneAddressAreRefused() throws Exception {
    ProgramProcess server =
        stage.keep(
            ProgramProcess.start(
                "shared",
                List.of(
                    Checkout.python(),
                    "-c",
                    "import signal, socket, sys; s = [socket.create_server(('127.0.0.1',"
                        + " int(sys.argv[1])), reuse_port=True) for _ in range(2)];"
                        + " print('listening', flush=True); signal.pause()",
                    Integer.toString(port)),
                Map.of()));
    Await.until(() -> server.written(), () -> server.outLines().contains("listening"));
    stage.start();
    SupervisedService.assertRefused(
        adopt(server, "--port", Integer.toString(port)), 1, "SO_REUSEPORT");
  }

  @Test
  void whatDoesNotListenIsRefused() throws Exception {
    stage.start();
    ProgramProcess sleeps =
        stage.program("sleeps", Checkout.installed("sleep", "coreutils"), "3600");
    SupervisedService.assertRefused(adopt(sleeps), 1, "pid " + sleeps.pid());
    sleeps.kill();
    SupervisedService.assertRefused(adopt(sleeps), 1, "pid " + sleeps.pid());
  }

  @Test
  void theBrokerDoesNotAdoptItself() throws Exception {
    stage.file().listener("own");
    BrokerProcess broker = stage.start();
    ProgramProcess adopt = stage.begin("adopt", "web", "--pid", Integer.toString(broker.pid()));
    SupervisedService.assertRefused(adopt, 1, "pid " + broker.pid());
    assertThat(broker.control("List", JsonObject.EMPTY).objects("listeners")).hasSize(1);
  }

  /** What it holds already, under another name. */
  @Test
  void whatIsAListenersAlreadyIsRefused() throws Exception {
    ProgramProcess server = alone(node("http.js", Integer.toString(port)));
    BrokerProcess broker = stage.start();
    adoptWell(server);
    ProgramProcess again = stage.begin("adopt", "again", "--pid", Integer.toString(server.pid()));
    SupervisedService.assertRefused(again, 1, "web");
    assertThat(broker.control("List", JsonObject.EMPTY).objects("listeners")).hasSize(1);
  }

  private static List<String> prefixed(String... command) {
    List<String> words =
        new ArrayList<>(
            List.of(
                Checkout.installed("setpriv", "util-linux"),
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups"));
    words.addAll(List.of(command));
    return words;
  }

  /** It would be told nothing of processes by a broker that may look into all of them. */
  @Test
  void anotherUsersProcessIsRefused() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can become another user");
    ProgramProcess roots = alone(node("http.js", Integer.toString(port)));
    BrokerProcess broker = stage.start();
    Files.setPosixFilePermissions(broker.socket(), PosixFilePermissions.fromString("rw-rw-rw-"));
    String[] words = {"adopt", "web", "--pid", Integer.toString(roots.pid())};
    SupervisedService.assertRefused(asNobody(words), 77, "web");
    stage.file().broker("control = [\"uid:65534\"]", "mode = \"0666\"");
    stage.reload();
    ProgramProcess refused = asNobody(words);
    assertThat(refused.awaitEnd()).as(refused.written()).isIn(1, 77);
    assertThat(refused.written()).doesNotContain("127.0.0.1:" + port, "\tat ");
    assertThat(broker.control("List", JsonObject.EMPTY).objects("listeners")).isEmpty();
    // Its own may be.
    int own = ListeningSocket.freePort();
    ProgramProcess mine =
        stage.keep(
            ProgramProcess.start(
                "mine",
                prefixed(node("http.js", Integer.toString(own)).toArray(String[]::new)),
                Map.of()));
    Await.until(() -> mine.written(), () -> ListeningSocket.inode(own).isPresent());
    stage.keep(mine);
    ProgramProcess adopted = asNobody("adopt", "web", "--pid", Integer.toString(mine.pid()));
    assertThat(adopted.awaitEnd()).as(adopted.written()).isZero();
  }

  private ProgramProcess asNobody(String... words) throws Exception {
    List<String> command = prefixed(Checkout.command().toString());
    command.addAll(List.of(words));
    return stage.program("nobody's", command.toArray(String[]::new));
  }

  /** A broker without the right says which one is missing. */
  @Test
  void aBrokerOfAnotherUserSaysWhatIsMissing() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can become another user");
    ProgramProcess roots = alone(node("http.js", Integer.toString(port)));
    Files.setAttribute(stage.directory(), "unix:uid", 65534);
    stage.start(Options.none().under(prefixed().toArray(String[]::new)));
    SupervisedService.assertRefused(adopt(roots), 1, "pid " + roots.pid(), "CAP_SYS_PTRACE");
  }
}
