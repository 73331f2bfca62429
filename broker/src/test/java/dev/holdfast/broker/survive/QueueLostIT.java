package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Nobody held the socket any more: it is bound anew, and what that means is said. */
@Timeout(180)
class QueueLostIT {
  @RegisterExtension final Stage stage = new Stage();

  private int port;

  @BeforeEach
  void choosePort() throws IOException {
    port = ListeningSocket.freePort();
  }

  private void describe() {
    stage.file().listener("web", "listen = \"127.0.0.1:" + port + "\"");
  }

  private void assertSaysThatTheQueueWasLost(String listener) {
    Await.until(
        () -> "what was lost of " + listener + " in\n" + stage.broker().lastWritten(),
        () ->
            stage.broker().stderr().stream()
                .anyMatch(
                    line ->
                        line.contains("event=listenerLost name=" + listener + " ")
                            && line.contains("queue")
                            && line.contains("lost")));
  }

  @Test
  void allWorkersAreDeadToo() throws Exception {
    describe();
    stage.file().service("web", stage.python("late.py", 0, "before"), "workers = 2");
    stage.start();
    Set<Integer> old = stage.service("web").awaitRunning().pids();
    SocketIdentity before = SocketIdentity.of(stage.broker(), "web");
    old.forEach(pid -> ProgramProcess.signal(pid, ProgramProcess.SIGSTOP));
    Client queued = stage.keep(Client.asking(port, "/"));
    stage.crash();
    old.forEach(pid -> ProgramProcess.signal(pid, ProgramProcess.SIGKILL));
    old.forEach(Processes::awaitGone);
    assertThatThrownBy(queued::answer).isInstanceOf(IOException.class);

    stage.startAgain();

    assertSaysThatTheQueueWasLost("web");
    SocketIdentity now = SocketIdentity.of(stage.broker(), "web");
    assertThat(now.endpoint()).isEqualTo(before.endpoint());
    assertThat(now.cookie()).isNotEqualTo(before.cookie());
    assertThat(stage.service("web").awaitRunning().pids())
        .hasSize(2)
        .doesNotContainAnyElementsOf(old);
    assertThat(Client.get(port, "/")).contains("worker late-");
  }

  /** The files of Unix sockets are left behind; they are made anew. */
  @Test
  void pathsThatWereLeftBehindAreMadeAnew() throws Exception {
    Path path = stage.directory().resolve("web.sock");
    stage
        .file()
        .listener("web", "listen = \"unix:" + path + "\"")
        .listener("abstract", "listen = \"unix:@" + stage.directory() + "\"")
        .listener("datagrams", "listen = \"udp:127.0.0.1:" + port + "\"")
        .listener("packets", "listen = \"seqpacket:" + path + ".packets\"");
    List<String> all = List.of("web", "abstract", "datagrams", "packets");
    stage.start();
    var before = SocketIdentity.of(stage.broker(), all);
    stage.crash();
    assertThat(path).exists();
    stage.startAgain();
    for (String each : all) {
      SocketIdentity now = SocketIdentity.of(stage.broker(), each);
      assertThat(now.endpoint()).isEqualTo(before.get(each).endpoint());
      assertThat(now.cookie()).isNotEqualTo(before.get(each).cookie());
      assertThat(stage.broker().stderr())
          .anyMatch(line -> line.contains("event=listenerLost name=" + each + " "));
    }
  }

  /** What stands at the path by now is somebody else's. */
  @Test
  void anothersFileIsLeftAlone() throws Exception {
    Path path = stage.directory().resolve("web.sock");
    stage.file().listener("web", "listen = \"unix:" + path + "\"").listener("other");
    stage.start();
    stage.crash();
    java.nio.file.Files.delete(path);
    java.nio.file.Files.writeString(path, "somebody else's");
    stage.startAgain();
    Await.until(
        () -> "that it cannot: " + stage.broker().lastWritten(),
        () -> !stage.broker().listener("web").string("state").equals("listening"));
    assertThat(path).hasContent("somebody else's");
    assertThat(stage.broker().listener("other").string("state")).isEqualTo("idle");
    java.nio.file.Files.delete(path);
    Await.until(
        () -> "the listener: " + stage.broker().lastWritten(),
        () -> stage.broker().listener("web").string("state").equals("idle"));
  }

  /** It starts without it, says who has it, and binds when that one ends. */
  @Test
  void somebodyElseHasThePort() throws Exception {
    describe();
    stage.file().listener("other").service("web", stage.python("late.py", 0, "before"));
    stage.start();
    int old = stage.service("web").awaitRunning().pids().iterator().next();
    stage.crash();
    ProgramProcess.signal(old, ProgramProcess.SIGKILL);
    Processes.awaitGone(old);
    ProgramProcess stranger = stranger();

    BrokerProcess broker = stage.startAgain();

    Await.until(
        () -> "who holds the port: " + broker.lastWritten(),
        () ->
            broker.stderr().stream()
                .anyMatch(
                    line ->
                        line.contains(":" + port)
                            && line.contains("EADDRINUSE")
                            && line.contains("pid " + stranger.pid())));
    assertThat(broker.listener("web").string("state")).isEqualTo("failed");
    assertThat(broker.listener("web").optionalString("message").orElse(""))
        .contains("pid " + stranger.pid());
    assertThat(broker.listener("other").string("state")).isEqualTo("idle");
    long said =
        broker.stderr().stream().filter(line -> line.contains("pid " + stranger.pid())).count();

    stranger.kill();

    Await.until(
        () -> "the listener: " + broker.lastWritten(),
        () -> !broker.listener("web").string("state").equals("failed"));
    assertSaysThatTheQueueWasLost("web");
    assertThat(said).as("lines on the one reason").isLessThan(4);
    stage.service("web").awaitRunning();
    assertThat(Client.get(port, "/")).contains("worker late-");
  }

  /** An operator need not wait: another port is taken, and then the first is of no interest. */
  @Test
  void anotherPortIsTakenMeanwhile() throws Exception {
    describe();
    stage.start();
    stage.crash();
    ProgramProcess stranger = stranger();
    BrokerProcess broker = stage.startAgain();
    Await.until(
        () -> "that it failed: " + broker.lastWritten(),
        () -> broker.listener("web").string("state").equals("failed"));
    stage.file().listener("web");
    stage.reload();
    assertThat(broker.listener("web").string("state")).isEqualTo("idle");
    assertThat(broker.port("web")).isNotEqualTo(port);
    assertThat(stranger.isAlive()).isTrue();
  }

  private ProgramProcess stranger() throws Exception {
    ProgramProcess stranger =
        stage.program(
            "stranger",
            Checkout.python(),
            "-c",
            "import signal, socket; s = socket.create_server(('127.0.0.1', "
                + port
                + ")); print('listens', flush=True); signal.pause()");
    Await.until(() -> stranger.written(), () -> stranger.outLines().contains("listens"));
    return stranger;
  }
}
