package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketOption;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A peer brings back what it never had. */
@Timeout(180)
class RestoreAttackIT {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final String WORKER = "dev.holdfast.Worker.";

  @RegisterExtension final Stage stage = new Stage();

  private final List<OwnedFd> mine = new ArrayList<>();
  private String lease = "";
  private String endpoint = "";

  /** Whether the broker has the socket of the lease when it is offered another one. */
  private enum Broker {
    HAS_IT,
    /** It could not take it from us, and waits. */
    LACKS_IT
  }

  private interface Offer {
    /** What is offered; the caller owns it. */
    OwnedFd make() throws IOException;
  }

  /** A lease of this process on web, with its socket; then the broker is killed. */
  private void crashWithALease() throws Exception {
    stage
        .file()
        .broker("mode = \"0666\"")
        .listener("web", "listen = \"127.0.0.1:" + ListeningSocket.freePort() + "\"")
        .listener("other");
    BrokerProcess broker = stage.start();
    try (VarlinkClient client = broker.connect()) {
      // Its descriptors are kept, so the answer is not closed.
      Answer granted =
          client.call(
              WORKER + "Acquire",
              JsonObject.of("listeners", List.of("web"), "service", "mine"),
              PATIENCE);
      OwnedFd kept = granted.descriptors().get(0).dup();
      stage.keep(kept);
      mine.add(kept);
      lease = granted.parameters().string("lease");
      endpoint = granted.parameters().objects("sockets").get(0).string("endpoint");
      granted.close();
    }
    stage.crash();
  }

  private BrokerProcess startAgain(Broker broker) throws Exception {
    if (broker == Broker.HAS_IT) {
      return stage.startAgain();
    }
    Path trace = stage.directory().resolve("strace");
    return stage.startAgain(
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
  }

  private static JsonObject described(String listener, String endpoint, String kind, long index) {
    return JsonObject.builder()
        .put("listener", listener)
        .put("endpoint", endpoint)
        .put("kind", kind)
        .put("fileDescriptorIndex", index)
        .build();
  }

  private JsonObject offering(String toLease, String listener, String kind) {
    return JsonObject.of(
        "lease", toLease, "sockets", List.of(described(listener, endpoint, kind, 0)));
  }

  /** The names that were accepted; or the error. */
  private Object restore(JsonObject parameters, List<OwnedFd> borrowed) throws IOException {
    try (VarlinkClient client = stage.broker().connect();
        Answer answer = client.call(WORKER + "Restore", parameters, borrowed, PATIENCE)) {
      return answer.parameters().strings("accepted");
    } catch (VarlinkException e) {
      return e.error();
    }
  }

  private Object offer(OwnedFd borrowed) throws IOException {
    return restore(offering(lease, "web", "stream"), List.of(borrowed));
  }

  private long inodeOf(OwnedFd fd) throws IOException {
    Path link = Path.of("/proc/self/fd/" + fd.number());
    String target = Files.readSymbolicLink(link).toString();
    return target.startsWith("socket:") ? Long.parseLong(target.replaceAll("[^0-9]", "")) : -1;
  }

  /** It is closed, said, and in no listener's place. */
  private void assertNotTaken(String what, Offer offer) throws Exception {
    BrokerProcess broker = stage.broker();
    Object before = broker.listener("web").optionalString("endpoint");
    long descriptors = broker.fdCount();
    long warnings = warnings();
    try (OwnedFd fd = offer.make()) {
      Object answer = offer(fd);
      assertThat(answer).as(what).isEqualTo(List.of());
      Await.until(
          () -> what + ": a line on it in\n" + broker.lastWritten(), () -> warnings() > warnings);
      Await.until(() -> what + ": it is closed", () -> broker.fdCount() <= descriptors);
      // The count may have been taken while something else was open for a moment; closing is not.
      Await.until(
          () -> what + ": its very socket is closed",
          () -> !SocketIdentity.inodesOf(broker.pid()).contains(inodeOf(fd)));
    }
    assertThat(broker.listener("web").optionalString("endpoint")).as(what).isEqualTo(before);
    assertThat(broker.process().written()).doesNotContain("\tat ", "internal error");
  }

  private long warnings() {
    return stage.broker().stderr().stream()
        .filter(line -> line.contains("event=warning") && line.contains("web"))
        .count();
  }

  private static OwnedFd tcp(String host, int port, boolean listens) throws IOException {
    InetAddress address = InetAddress.getByName(host);
    OwnedFd fd = Sockets.open(address, Sockets.Kind.STREAM);
    Sockets.set(fd, SocketOption.REUSE_ADDRESS, 1, "test");
    Sockets.bind(fd, address, port, "test");
    if (listens) {
      Sockets.listen(fd, 10, "test");
    }
    return fd;
  }

  private int port() {
    return Integer.parseInt(endpoint.substring(endpoint.lastIndexOf(':') + 1));
  }

  @ParameterizedTest
  @EnumSource
  void whatTheLeaseDidNotHaveIsNotTaken(Broker which) throws Exception {
    crashWithALease();
    BrokerProcess broker = startAgain(which);
    assertThat(broker.listener("web").has("endpoint")).isEqualTo(which == Broker.HAS_IT);
    assertNotTaken("another port", () -> tcp("127.0.0.1", 0, true));
    assertNotTaken("the port of another address", () -> tcp("127.0.0.2", port(), true));
    assertNotTaken("one that does not listen", () -> tcp("127.0.0.1", 0, false));
    assertNotTaken(
        "another type",
        () -> {
          InetAddress address = InetAddress.getByName("127.0.0.1");
          OwnedFd fd = Sockets.open(address, Sockets.Kind.DATAGRAM);
          Sockets.bind(fd, address, port(), "test");
          return fd;
        });
    assertNotTaken(
        "another family",
        () -> {
          OwnedFd fd = Sockets.openUnix(Sockets.Kind.STREAM);
          Sockets.bind(fd, new UnixAddress.Abstract("hf-" + System.nanoTime()), "test");
          Sockets.listen(fd, 10, "test");
          return fd;
        });
    assertNotTaken("no socket", () -> OwnedFd.openForReading("/dev/null"));
    assertNotTaken("a directory", () -> OwnedFd.openForReading("/"));

    // And then the right one.
    assertThat(offer(mine.get(0))).isEqualTo(List.of("web"));
    Await.until(
        () -> "its own socket: " + broker.lastWritten(),
        () -> SocketIdentity.inodesOf(broker.pid()).contains(inodeOf(mine.get(0))));
    assertThat(SocketIdentity.of(broker, "web").inode()).isEqualTo(inodeOf(mine.get(0)));
    release();
  }

  private void release() throws Exception {
    try (VarlinkClient client = stage.broker().connect();
        Answer released =
            client.call(WORKER + "Release", JsonObject.of("lease", lease), PATIENCE)) {
      assertThat(released.descriptors()).isEmpty();
    }
  }

  /** Everything that can be seen from outside is right; but it was made after the old one. */
  @Test
  void oneThatWasMadeAnewAtTheSameAddressIsNotTaken() throws Exception {
    crashWithALease();
    mine.get(0).close();
    try (OwnedFd recycled = tcp("127.0.0.1", port(), true)) {
      BrokerProcess broker = startAgain(Broker.HAS_IT);
      assertThat(broker.listener("web").string("state")).isEqualTo("failed");
      assertNotTaken("a recycled one", recycled::dup);
      assertThat(broker.listener("web").string("state")).isEqualTo("failed");
    }
    Await.until(
        () -> "a socket of its own: " + stage.broker().lastWritten(),
        () -> stage.broker().listener("web").has("endpoint"));
    release();
  }

  /** The lease had one listener; it has no other by offering it. */
  @Test
  void aListenerThatTheLeaseDidNotHaveIsNotTaken() throws Exception {
    crashWithALease();
    BrokerProcess broker = startAgain(Broker.HAS_IT);
    long descriptors = broker.fdCount();
    for (String name : List.of("other", "absent", "../web", "")) {
      Object answer = restore(offering(lease, name, "stream"), List.of(mine.get(0)));
      assertThat(answer).as(name).isNotEqualTo(List.of(name));
    }
    try (VarlinkClient client = broker.connect();
        Answer granted =
            client.call(
                WORKER + "Acquire",
                JsonObject.of("listeners", List.of("other"), "hold", "connection"),
                PATIENCE)) {
      String another = granted.parameters().string("lease");
      assertThat(restore(offering(another, "web", "stream"), List.of(mine.get(0))))
          .isEqualTo(List.of());
    }
    Await.until(() -> "closed", () -> broker.fdCount() <= descriptors);
    assertThat(broker.leases().stream().filter(each -> each.string("lease").equals(lease)))
        .allMatch(each -> each.strings("listeners").equals(List.of("web")));
    release();
  }

  @Test
  void anothersLeaseIsNotOursToRestore() throws Exception {
    crashWithALease();
    stage.startAgain();
    ProgramProcess worker =
        stage
            .workers("web")
            .exec(
                "worker",
                Checkout.python(),
                Workers.script("late.py", stage.directory()).toString(),
                "0",
                "before");
    Await.until(() -> worker.written(), () -> stage.broker().leases().size() == 2);
    String another =
        stage.broker().leases().stream()
            .map(each -> each.string("lease"))
            .filter(each -> !each.equals(lease))
            .findFirst()
            .orElseThrow();
    stage.crash();
    BrokerProcess broker = stage.startAgain();
    long descriptors = broker.fdCount();
    for (String id : List.of(another, "no-such-lease", "", "x".repeat(10_000))) {
      Object answer = restore(offering(id, "web", "stream"), List.of(mine.get(0)));
      assertThat(answer.toString())
          .as("lease %.20s", id)
          .containsAnyOf("NoSuchLease", "NotPermitted", "InvalidParameter");
    }
    Await.until(() -> "closed", () -> broker.fdCount() <= descriptors);
    assertThat(broker.leases())
        .filteredOn(each -> each.string("lease").equals(another))
        .allMatch(each -> each.integer("pid") == worker.pid())
        .hasSize(1);
    assertThat(Client.pid(stage.port())).isEqualTo(worker.pid());
    release();
  }

  @Test
  void anotherUserRestoresNothing() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can become another user");
    crashWithALease();
    BrokerProcess broker = startAgain(Broker.LACKS_IT);
    Files.setPosixFilePermissions(broker.socket(), PosixFilePermissions.fromString("rw-rw-rw-"));
    long descriptors = broker.fdCount();
    String call =
        "fd {\"method\":\"dev.holdfast.Worker.Restore\",\"parameters\":"
            + offering(lease, "web", "stream")
            + "}";
    Path script = stage.directory().resolve("calls.py");
    try (var text =
        RestoreAttackIT.class.getResourceAsStream("/dev/holdfast/broker/badpeers/calls.py")) {
      assertThat(text).isNotNull();
      Files.copy(text, script);
    }
    ProgramProcess stranger =
        stage.program(
            "stranger",
            Checkout.installed("setpriv", "util-linux"),
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            Checkout.python(),
            script.toString(),
            broker.socket().toString(),
            call);
    assertThat(stranger.awaitEnd()).as(stranger.written()).isZero();
    assertThat(stranger.outLines().get(0)).containsAnyOf("NotPermitted", "NoSuchLease");
    Await.until(() -> "closed", () -> broker.fdCount() <= descriptors);
    assertThat(broker.listener("web").has("endpoint")).isFalse();
    assertThat(offer(mine.get(0))).isEqualTo(List.of("web"));
    release();
  }

  /** As many as a message takes, of all kinds, and each named for the one listener. */
  @ParameterizedTest
  @EnumSource
  void garbageIsClosed(Broker which) throws Exception {
    crashWithALease();
    BrokerProcess broker = startAgain(which);
    long descriptors = broker.fdCount();
    List<OwnedFd> garbage = new ArrayList<>();
    try {
      for (int i = 0; i < 8; i++) {
        garbage.add(OwnedFd.openForReading("/dev/null"));
        garbage.add(OwnedFd.openForReading("/proc/self/status"));
        garbage.add(Sockets.openUnix(Sockets.Kind.DATAGRAM));
        garbage.add(tcp("127.0.0.1", 0, i % 2 == 0));
      }
      for (int round = 0; round < 20; round++) {
        List<JsonObject> all = new ArrayList<>();
        for (int i = 0; i < garbage.size(); i++) {
          all.add(described("web", endpoint, "stream", i));
        }
        Object answer = restore(JsonObject.of("lease", lease, "sockets", all), garbage);
        assertThat(answer.toString()).as("accepted").isIn("[]", "[web]", INVALID);
        assertThat(answer.toString()).isNotEqualTo("[web]");
      }
      // More than a message may have, fewer than declared, and none at all: the peer is dropped.
      try (VarlinkClient client = broker.connect();
          Answer answer =
              client.call(
                  WORKER + "Restore",
                  JsonObject.of("lease", lease, "sockets", List.of()),
                  PATIENCE)) {
        assertThat(answer.parameters().strings("accepted")).isEmpty();
      } catch (VarlinkException e) {
        assertThat(e.error()).isEqualTo(INVALID);
      }
    } finally {
      garbage.forEach(OwnedFd::close);
    }
    Await.until(() -> "all are closed: had " + descriptors, () -> broker.fdCount() <= descriptors);
    assertThat(broker.process().written()).doesNotContain("\tat ", "internal error");
    assertThat(offer(mine.get(0))).isEqualTo(List.of("web"));
    assertThat(SocketIdentity.of(broker, "web").inode()).isEqualTo(inodeOf(mine.get(0)));
    release();
  }

  private static final String INVALID = "org.varlink.service.InvalidParameter";

  /** The same right one, again and again and twice in one call: it has it once. */
  @Test
  void theRightOneTwiceIsOneSocket() throws Exception {
    crashWithALease();
    BrokerProcess broker = startAgain(Broker.HAS_IT);
    long descriptors = broker.fdCount();
    JsonObject twice =
        JsonObject.of(
            "lease",
            lease,
            "sockets",
            List.of(
                described("web", endpoint, "stream", 0), described("web", endpoint, "stream", 1)));
    for (int i = 0; i < 20; i++) {
      assertThat(offer(mine.get(0))).isEqualTo(List.of("web"));
      Object both = restore(twice, Collections.nCopies(2, mine.get(0)));
      assertThat(both.toString()).isIn("[web]", "[web, web]", INVALID);
    }
    Await.until(() -> "one socket: had " + descriptors, () -> broker.fdCount() <= descriptors + 1);
    release();
  }
}
