package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Under systemd, or what behaves like it, the sockets have a second home. */
@Timeout(120)
class FdStoreIT {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @RegisterExtension final Stage stage = new Stage();

  /** The broker as a service with a store; the process is the supervisor's. */
  private BrokerProcess start(String... unitSocket) throws Exception {
    List<String> command = new ArrayList<>(List.of(Checkout.python()));
    command.add(Workers.script("fake_systemd.py", stage.directory()).toString());
    command.add(stage.directory().resolve("store").toString());
    command.addAll(List.of(unitSocket));
    command.add("--");
    return stage.start(Options.none().under(command.toArray(String[]::new)));
  }

  private List<String> messages() {
    return stage.broker().process().outLines();
  }

  private void awaitMessage(String message) {
    Await.until(
        () -> message + " in " + messages() + "\n" + stage.broker().lastWritten(),
        () -> messages().contains(message));
  }

  private void crash() throws Exception {
    BrokerProcess broker = stage.broker();
    ProgramProcess.signal(broker.pid(), ProgramProcess.SIGKILL);
    broker.replaced();
  }

  private ProgramProcess worker(String listener) throws Exception {
    return stage
        .workers(listener)
        .exec(
            "worker",
            Checkout.python(),
            Workers.script("late.py", stage.directory()).toString(),
            "0",
            "before");
  }

  @Test
  void whatNobodyElseHoldsIsKept() throws Exception {
    Path path = stage.directory().resolve("path.sock");
    stage
        .file()
        .listener("web", "companion = true")
        .listener("path", "listen = \"unix:" + path + "\"")
        .listener("datagrams", "listen = \"udp:127.0.0.1:0W\"");
    BrokerProcess broker = start();
    List<String> all = List.of("web", "path", "datagrams");
    for (String each : all) {
      awaitMessage("stored listener-" + each);
    }
    awaitMessage("stored companion-web");
    Map<String, SocketIdentity> sockets = SocketIdentity.of(broker, all);
    String companion = broker.listener("web").string("companion");
    List<Client> queued = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      queued.add(stage.keep(Client.asking(stage.port(), "/")));
    }
    int old = broker.pid();
    for (int i = 0; i < 3; i++) {
      crash();
      assertThat(SocketIdentity.of(broker, all)).isEqualTo(sockets);
      assertThat(broker.listener("web").string("companion")).isEqualTo(companion);
    }
    assertThat(broker.pid()).isNotEqualTo(old);
    assertThat(messages()).as("each start has all of them").anyMatch(FdStoreIT::hasAll);
    ProgramProcess worker = worker("web");
    for (Client each : queued) {
      assertThat(Client.pidIn(each.answer())).isEqualTo(worker.pid());
    }
    assertThat(broker.stderr()).noneMatch(line -> line.contains("event=listenerLost"));
  }

  private static boolean hasAll(String line) {
    return line.startsWith("started ")
        && List.of("listener-web", "companion-web", "listener-path", "listener-datagrams").stream()
            .allMatch(line::contains);
  }

  @Test
  void whatIsClosedIsTakenOut() throws Exception {
    stage.file().listener("web").listener("other");
    BrokerProcess broker = start();
    awaitMessage("stored listener-web");
    awaitMessage("stored listener-other");
    broker.control("Close", JsonObject.of("name", "other"));
    awaitMessage("removed listener-other");
    stage.file().without("listener.other").listener("third").write();
    broker.control("Reload", JsonObject.EMPTY);
    awaitMessage("stored listener-third");
    stage.file().without("listener.third").write();
    broker.control("Reload", JsonObject.EMPTY);
    awaitMessage("removed listener-third");
    SocketIdentity web = SocketIdentity.of(broker, "web");
    crash();
    assertThat(SocketIdentity.of(broker, "web")).isEqualTo(web);
    assertThat(broker.control("List", JsonObject.EMPTY).objects("listeners")).hasSize(1);
  }

  /** A listener that moves to another port is another socket. */
  @Test
  void whatIsBoundAnewIsExchanged() throws Exception {
    stage.file().listener("web");
    BrokerProcess broker = start();
    awaitMessage("stored listener-web");
    SocketIdentity before = SocketIdentity.of(broker, "web");
    stage.file().listener("web", "listen = \"127.0.0.2:0W\"").write();
    broker.control("Reload", JsonObject.EMPTY);
    SocketIdentity now = SocketIdentity.of(broker, "web");
    assertThat(now.inode()).isNotEqualTo(before.inode());
    Await.until(
        () -> "an exchange: " + messages(),
        () -> messages().stream().filter("stored listener-web"::equals).count() >= 2);
    crash();
    assertThat(SocketIdentity.of(broker, "web")).isEqualTo(now);
    assertThat(ListeningSocket.inode(broker.port("web"))).isEmpty(); // not on 127.0.0.1
  }

  @Test
  void storedDescriptorsAreKeptToo() throws Exception {
    stage.file().listener("web");
    BrokerProcess broker = start();
    Path kept = Files.writeString(stage.directory().resolve("kept"), "what was stored");
    store(broker, "kept", kept);
    store(broker, "gone", kept);
    awaitMessage("stored stored-kept");
    awaitMessage("stored stored-gone");
    assertThat(retrieve(broker, "gone", true)).isEqualTo("what was stored");
    awaitMessage("removed stored-gone");
    crash();
    assertThat(retrieve(broker, "kept", false)).isEqualTo("what was stored");
    assertThat(retrieve(broker, "kept", true)).isEqualTo("what was stored");
    awaitMessage("removed stored-kept");
    assertThat(broker.control("List", JsonObject.EMPTY).objects("stored")).isEmpty();
  }

  private static void store(BrokerProcess broker, String name, Path file) throws Exception {
    JsonObject parameters = JsonObject.of("name", name, "fileDescriptorIndex", 0L);
    try (VarlinkClient client = broker.connect();
        OwnedFd fd = OwnedFd.openForReading(file.toString());
        Answer answer =
            client.call("dev.holdfast.Worker.Store", parameters, List.of(fd), PATIENCE)) {
      assertThat(answer.descriptors()).isEmpty();
    }
  }

  private static String retrieve(BrokerProcess broker, String name, boolean remove)
      throws Exception {
    JsonObject parameters = JsonObject.of("name", name, "remove", remove);
    try (VarlinkClient client = broker.connect();
        Answer answer = client.call("dev.holdfast.Worker.Retrieve", parameters, PATIENCE)) {
      ByteBuffer room = ByteBuffer.allocate(100);
      answer.descriptors().get(0).readAt(room, 0);
      return new String(room.array(), 0, room.position(), StandardCharsets.US_ASCII);
    }
  }

  /** Workers live on, and serve on, and are not started again. */
  @Test
  void aServiceGoesOn() throws Exception {
    stage.file().listener("web").service("web", stage.python("late.py", 0, "before"));
    BrokerProcess broker = start();
    var pids = stage.service("web").awaitRunning().pids();
    SocketIdentity web = SocketIdentity.of(broker, "web");
    crash();
    assertThat(SocketIdentity.of(broker, "web")).isEqualTo(web);
    assertThat(stage.service("web").awaitRunning().pids()).isEqualTo(pids);
  }

  /** systemd has bound it already, before the broker ran: that is the listener's. */
  @Test
  void aSocketOfAUnitIsTaken() throws Exception {
    int port = ListeningSocket.freePort();
    stage.file().listener("web", "listen = \"127.0.0.1:" + port + "\"");
    BrokerProcess broker = start("127.0.0.1:" + port);
    SocketIdentity web = SocketIdentity.of(broker, "web");
    assertThat(web.endpoint()).isEqualTo("tcp:127.0.0.1:" + port);
    assertThat(ListeningSocket.inode(port)).hasValue(web.inode());
    Client queued = stage.keep(Client.asking(port, "/"));
    crash();
    assertThat(SocketIdentity.of(broker, "web")).isEqualTo(web);
    ProgramProcess worker = worker("web");
    assertThat(Client.pidIn(queued.answer())).isEqualTo(worker.pid());
  }

  /** What nobody asked for is closed, and said. */
  @Test
  void aSocketThatFitsNothingIsClosed() throws Exception {
    stage.file().listener("web");
    int port = ListeningSocket.freePort();
    BrokerProcess broker = start("127.0.0.1:" + port);
    assertThat(broker.listener("web").integer("port")).isNotEqualTo(port);
    assertThat(broker.stderr()).anyMatch(line -> line.contains("connection.socket"));
    long inode = ListeningSocket.inode(port).orElseThrow(); // the supervisor's
    assertThat(SocketIdentity.inodesOf(broker.pid())).doesNotContain(inode);
  }

  /** Its queue takes a few datagrams (net.unix.max_dgram_qlen), and there are many to be sent. */
  @Test
  void aStoreThatIsBehindGetsAllOfMany() throws Exception {
    for (int i = 0; i < 200; i++) {
      stage.file().listener("l" + i);
    }
    BrokerProcess broker = start();
    for (int i = 0; i < 200; i++) {
      awaitMessage("stored listener-l" + i);
    }
    assertThat(broker.stderr()).noneMatch(line -> line.contains("may not have"));
  }

  /** A supervisor that is gone, or does not read, keeps nobody from binding. */
  @Test
  void aStoreThatDoesNotAnswerStopsNobody() throws Exception {
    stage.file().listener("web");
    BrokerProcess broker = start();
    awaitMessage("stored listener-web");
    ProgramProcess supervisor = broker.process();
    supervisor.signal(ProgramProcess.SIGSTOP);
    try {
      for (int i = 0; i < 50; i++) {
        broker.control("Listen", JsonObject.of("name", "l" + i, "spec", "127.0.0.1:0W"));
      }
      for (int i = 0; i < 50; i++) {
        broker.control("Close", JsonObject.of("name", "l" + i));
      }
    } finally {
      supervisor.signal(ProgramProcess.SIGCONT);
    }
    assertThat(broker.listener("web").string("state")).isEqualTo("idle");
  }
}
