package dev.holdfast.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class LeaseTest {

  @TempDir Path directory;

  private UnixAddress address() {
    return new UnixAddress.Path(directory.resolve("s"));
  }

  /** The next broker is told what the last one could not be. */
  private void hearsOfTheRelease() throws Exception {
    try (FakeBroker next = new FakeBroker(directory.resolve("s"), Map.of())) {
      assertThat(next.calls.take().memberName()).isEqualTo("Release");
    }
  }

  @Test
  void takesListenersInAsManyCallsAsTheBrokerNeeds() throws Exception {
    try (TestListener web = TestListener.open(true);
        TestListener admin = TestListener.open(true);
        FakeBroker broker =
            new FakeBroker(directory.resolve("s"), Map.of("web", web.fd(), "admin", admin.fd()));
        Holdfast holdfast = Holdfast.connect(address());
        Lease lease = holdfast.acquire(Acquisition.of("web", "admin").replacing("shop"))) {
      assertThat(lease.sockets())
          .extracting(LeasedSocket::listener)
          .containsExactly("web", "admin");
      Call first = broker.calls.take();
      assertThat(first.parameters().string("service")).isEqualTo("shop");
      assertThat(first.parameters().bool("replace")).isTrue();
      assertThat(broker.calls.take().parameters()).isEqualTo(first.parameters());
      try (OwnedFd copy = lease.descriptor("admin")) {
        assertThat(Sockets.facts(copy).cookie()).isEqualTo(Sockets.facts(admin.fd()).cookie());
      }
      assertThatThrownBy(() -> lease.descriptor("mail").close())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("no listener mail");
    }
  }

  @Test
  void isReadyDrainsAndReleases() throws Exception {
    CompletableFuture<Drain> drained = new CompletableFuture<>();
    try (TestListener web = TestListener.open(true);
        FakeBroker broker = new FakeBroker(directory.resolve("s"), Map.of("web", web.fd()))) {
      Lease lease;
      try (Holdfast holdfast = Holdfast.connect(address())) {
        lease = holdfast.acquire("web");
      }
      assertThat(broker.calls.take().memberName()).isEqualTo("Acquire");
      lease.ready();
      assertThat(broker.calls.take().toJson().toString())
          .isEqualTo(
              "{\"method\":\"dev.holdfast.Worker.Ready\",\"parameters\":{\"lease\":\"l1\"}}");
      lease.onDrain(drained::complete);
      assertThat(broker.calls.take().memberName()).isEqualTo("Await");
      broker.announce(JsonObject.of("state", "draining", "deadlineUsec", "1700000000500000"));
      assertThat(drained.get())
          .isEqualTo(new Drain(Instant.parse("2023-11-14T22:13:20.500Z"), false));
      CompletableFuture<Drain> late = new CompletableFuture<>();
      lease.onDrain(late::complete);
      assertThat(late.get()).isEqualTo(drained.get());
      lease.release();
      lease.close();
      assertThat(broker.calls.take().memberName()).isEqualTo("Release");
      assertThat(broker.calls).isEmpty();
      assertThatThrownBy(() -> lease.descriptor("web").close())
          .isInstanceOf(IllegalStateException.class);
      assertThat(Sockets.isListening(web.fd())).isTrue();
    }
  }

  @Test
  void goesOnServingWhenTheBrokerGoesAway() throws Exception {
    CompletableFuture<Drain> drained = new CompletableFuture<>();
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker broker = new FakeBroker(directory.resolve("s"), Map.of("web", web.fd()));
          Holdfast holdfast = Holdfast.connect(address())) {
        lease = holdfast.acquire("web");
        lease.onDrain(drained::complete);
        assertThat(broker.calls.take().memberName()).isEqualTo("Acquire");
        assertThat(broker.calls.take().memberName()).isEqualTo("Await");
      }
      try (lease;
          Acceptor acceptor = Acceptor.of(lease, "web", TestListener.saying(3)).start()) {
        lease.ready();
        assertThat(web.ask()).isEqualTo(3);
        assertThat(acceptor.accepted()).isEqualTo(1);
      }
      assertThat(drained).isNotDone();
      hearsOfTheRelease();
    }
  }

  @Test
  void saysWhatIsWrongAndWhatToDo() throws Exception {
    assertThatThrownBy(() -> Holdfast.connect(address()).close())
        .isInstanceOf(BrokerUnreachableException.class)
        .hasMessageStartingWith("connect " + address() + ": ENOENT (No such file or directory). ")
        .hasMessageContaining("holdfastd is not running there: start it with");
    try (FakeBroker broker = new FakeBroker(directory.resolve("s"), Map.of());
        Holdfast holdfast = Holdfast.connect(address())) {
      assertThatThrownBy(() -> holdfast.acquire("web").close())
          .isInstanceOf(RefusedException.class)
          .hasMessageStartingWith("acquire web: the broker has no listener web. Open it with");
      assertThat(broker.calls.take().memberName()).isEqualTo("Acquire");
    }
  }

  @Test
  void itsServerSocketAcceptsAndRefusesWhatReachesOtherWorkers() throws Exception {
    try (TestListener web = TestListener.open(true);
        FakeBroker broker = new FakeBroker(directory.resolve("s"), Map.of("web", web.fd()));
        Holdfast holdfast = Holdfast.connect(address());
        Lease lease = holdfast.acquire("web");
        ServerSocketChannel channel = lease.serverSocketChannel("web")) {
      ServerSocket socket = lease.serverSocket("web");
      assertThat(broker.calls.take().memberName()).isEqualTo("Acquire");
      assertThat(socket.getLocalPort()).isEqualTo(web.port());
      assertThat(channel.getLocalAddress()).isEqualTo(socket.getLocalSocketAddress());
      try (SocketChannel client = web.connect();
          var accepted = socket.accept()) {
        assertThat(accepted.getRemoteSocketAddress()).isEqualTo(client.getLocalAddress());
      }
      assertThatThrownBy(() -> socket.setSoTimeout(100))
          .isInstanceOf(SocketException.class)
          .hasMessageContaining("switches O_NONBLOCK for every worker");
      CompletableFuture<Throwable> ended = new CompletableFuture<>();
      Thread waiting =
          new Thread(
              () -> {
                try {
                  socket.accept().close();
                } catch (IOException e) {
                  ended.complete(e);
                }
              });
      waiting.start();
      socket.close();
      assertThat(ended.get()).isInstanceOf(SocketException.class).hasMessage("Socket closed");
      assertThat(Sockets.isListening(web.fd())).isTrue();
      assertThat(Sockets.isNonBlocking(web.fd())).isTrue();
    }
  }

  /** What is passed on by a wrapper that forks, and into a pid namespace, has another's pid. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void inheritsWhatExecLeft(boolean forked) throws Exception {
    try (TestListener web = TestListener.open(true)) {
      int first = web.fd().dup().release();
      Map<String, String> environment =
          Map.of(
              "HOLDFAST_LEASE", "l9",
              "LISTEN_FDS", "1",
              "LISTEN_FDNAMES", "web",
              "LISTEN_PID", "7",
              "HOLDFAST_SOCKET", address().toString());
      int pid = forked ? 8 : 7;
      try (Lease lease = InheritedLease.read(environment, pid, first).orElseThrow()) {
        assertThat(lease.id()).isEqualTo("l9");
        assertThat(lease.sockets())
            .containsExactly(
                new LeasedSocket("web", "tcp:127.0.0.1:" + web.port(), "stream", false));
      }
      hearsOfTheRelease();
      assertThatThrownBy(() -> InheritedLease.read(environment, 7, 100_000))
          .hasMessageContaining(
              "inherit lease l9 of HOLDFAST_LEASE: fcntl descriptor 100000: EBADF");
    }
  }

  @Test
  void inheritsNothingWhereOnlyTheVariablesCameAlong() throws Exception {
    Map<String, String> environment =
        Map.of("HOLDFAST_LEASE", "l9", "LISTEN_FDS", "1", "LISTEN_PID", "7");
    assertThat(InheritedLease.read(environment, 8, 100_000)).isEmpty();
    try (OwnedFd file = OwnedFd.openForReading("/dev/null");
        OwnedFd unbound = Sockets.open(InetAddress.getLoopbackAddress(), Sockets.Kind.STREAM)) {
      assertThat(InheritedLease.read(environment, 8, file.number())).isEmpty();
      assertThat(InheritedLease.read(environment, 8, unbound.number())).isEmpty();
    }
  }
}
