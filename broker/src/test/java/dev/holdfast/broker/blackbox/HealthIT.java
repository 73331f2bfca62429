package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What workers do to the socket that they share is noticed, and put right. */
@Tag("unprivileged")
@Timeout(60)
class HealthIT {
  @RegisterExtension final Brokers brokers = new Brokers();

  @Test
  void aListenerThatAWorkerShutDownIsHealed() throws Exception {
    BrokerProcess broker = brokers.start("web");
    Workers workers = brokers.workers(broker, "web");
    ProgramProcess worker = start(workers, broker, "w");
    int port = workers.port();
    // The worker has this one, and waits for its request.
    try (Events events = broker.watch();
        Socket accepted = acceptedBy(worker, port)) {
      worker.freeze();
      try (Socket queued = Probe.connect(port)) {
        spoil(workers, "shutdown(socket.SHUT_RDWR)");
        assertThat(events.await("listenerHealed").string("name")).isEqualTo("web");
        assertThatThrownBy(() -> Probe.ask(queued)).isInstanceOf(IOException.class);
      }
      try (Socket later = Probe.connect(port)) {
        worker.thaw();
        assertThat(Probe.ask(accepted).pid()).isEqualTo(worker.pid());
        assertThat(Probe.ask(later).pid()).isEqualTo(worker.pid());
      }
    }
    assertThat(broker.port("web")).isEqualTo(port);
    assertThat(broker.listener("web").integer("healed")).isEqualTo(1);
  }

  @Test
  void theBlockingFlagIsPutBack() throws Exception {
    BrokerProcess broker = brokers.start("web");
    Workers workers = brokers.workers(broker, "web");
    start(workers, broker, "w");
    try (Events events = broker.watch()) {
      spoil(workers, "setblocking(True)");
      Probe.http(workers.port());
      events.await("flagsRestored");
    }
    ProgramProcess asked =
        workers.exec("asked", Checkout.python(), "-c", "import os; print(os.get_blocking(3))");
    assertThat(asked.awaitEnd()).isZero();
    assertThat(asked.outLines()).containsExactly("False");
    assertThat(broker.listener("web").integer("flagsRestored")).isEqualTo(1);
  }

  @Test
  void theBacklogIsPutBack() throws Exception {
    BrokerProcess broker = brokers.start("web");
    Workers workers = brokers.workers(broker, "web");
    start(workers, broker, "w");
    long limit = broker.listener("web").integer("queueLimit");
    try (Events events = broker.watch()) {
      spoil(workers, "listen(7)");
      Probe.http(workers.port());
      events.await("backlogRestored");
    }
    assertThat(broker.listener("web").integer("queueLimit")).isEqualTo(limit);
    assertThat(broker.listener("web").integer("backlogRestored")).isEqualTo(1);
  }

  @Test
  void anIdleListenerRefusesWhereThatIsAskedFor() throws Exception {
    BrokerProcess broker = configured("idle = \"refuse\"");
    int port = broker.port("web");
    assertThat(ListeningSocket.refuses(port)).as("before the first lease").isTrue();
    Workers workers = brokers.workers(broker, "web");
    Path script = Workers.script("worker.py", broker.directory());
    try (Events events = broker.watch()) {
      ProgramProcess worker =
          workers.exec("w", Checkout.python(), script.toString(), "w", "selectors");
      events.await("leaseGranted");
      Await.until(() -> "a listening socket", () -> ListeningSocket.inode(port).isPresent());
      workers.awaitAccepting(worker);
      workers.retire(worker);
    }
    Await.until(() -> "refusal after the last lease", () -> ListeningSocket.refuses(port));
  }

  @ParameterizedTest
  @ValueSource(strings = {"true", "\"DIRECTORY\""})
  void aCompanionSocketIsServedBesideThePort(String companion) throws Exception {
    Path directory = BrokerProcess.newDirectory();
    BrokerProcess broker =
        configured(directory, "companion = " + companion.replace("DIRECTORY", "" + directory));
    JsonObject listener = broker.listener("web");
    String name = companion.equals("true") ? "@/tmp/kx." : directory + "/kx.";
    String address = listener.string("companion").replaceFirst("^unix:", "");
    assertThat(address).isEqualTo(name + listener.integer("port"));
    Workers workers = brokers.workers(broker, "web");
    start(workers, broker, "tcp");
    Path script = Workers.script("worker.py", broker.directory());
    ProgramProcess beside =
        workers.exec(
            "beside",
            List.of("--env", "LISTEN_FD=4"),
            Checkout.python(),
            script.toString(),
            "beside",
            "selectors");
    String answer = askUnix(UnixAddress.parse(address));
    assertThat(answer).contains("worker beside pid " + beside.pid());
  }

  private static ProgramProcess start(Workers workers, BrokerProcess broker, String name)
      throws IOException {
    Path script = Workers.script("worker.py", broker.directory());
    return workers.start(name, Checkout.python(), script.toString(), name, "selectors");
  }

  /** A worker of one line does to the shared socket what it should not. */
  private static void spoil(Workers workers, String call) throws IOException {
    String program = "import socket; socket.socket(fileno=3)." + call;
    ProgramProcess spoiler = workers.exec("spoiler", Checkout.python(), "-c", program);
    assertThat(spoiler.awaitEnd()).as(spoiler.written()).isZero();
  }

  /** Open, and out of the queue: the worker has one descriptor more. */
  private static Socket acceptedBy(ProgramProcess worker, int port) throws IOException {
    Path descriptors = Path.of("/proc/" + worker.pid() + "/fd");
    long before = count(descriptors);
    Socket socket = Probe.connect(port);
    Await.until(() -> "accept", () -> count(descriptors) > before);
    return socket;
  }

  private static long count(Path directory) throws IOException {
    try (var entries = Files.list(directory)) {
      return entries.count();
    }
  }

  private BrokerProcess configured(String option) throws Exception {
    return configured(BrokerProcess.newDirectory(), option);
  }

  private BrokerProcess configured(Path directory, String option) throws Exception {
    Path file = directory.resolve("broker.toml");
    Files.writeString(file, "[listener.web]\nlisten = \"127.0.0.1:0W\"\n" + option + "\n");
    return brokers.start(Options.none().with("--config", file.toString()), directory);
  }

  private static String askUnix(UnixAddress address) throws IOException {
    try (UnixSocket socket = UnixSocket.connect(address)) {
      ByteBuffer request =
          StandardCharsets.US_ASCII.encode("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
      socket.send(request, List.of());
      ByteBuffer answer = ByteBuffer.allocate(4096);
      while (socket.receive(answer, dev.holdfast.fd.OwnedFd::close) >= 0 && answer.hasRemaining()) {
        assertThat(answer.position()).isPositive();
      }
      return StandardCharsets.US_ASCII.decode(answer.flip()).toString();
    }
  }
}
