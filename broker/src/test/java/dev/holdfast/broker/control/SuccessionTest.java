package dev.holdfast.broker.control;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.fd.Watcher;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.FrameReader;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ProtocolException;
import dev.holdfast.varlink.Reply;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two brokers' control floors in one process: the second gets what the first had. One thread. */
@Timeout(60)
class SuccessionTest {

  private static final String RESTART = "dev.holdfast.Control.Restart";
  private static final String HANDOVER = "dev.holdfast.Control.Handover";
  private static final Duration SOON = Duration.ofSeconds(20);

  /** What a broker has on this floor. */
  private static final class Floor implements AutoCloseable {
    final List<Event> events = new ArrayList<>();
    final List<Call> asked = new ArrayList<>();
    final List<Connection> askers = new ArrayList<>();
    final Poller poller = Poller.open();
    final ControlSocket control;
    final Connections connections;
    private boolean over;

    Floor(ControlSocket control) throws IOException {
      this.control = control;
      connections =
          new Connections(
              control,
              poller,
              new BrokerState(Limits.processId(), "a-"),
              events::add,
              () -> Instant.EPOCH,
              new Closing());
    }

    void open() throws IOException {
      connections.open(
          (connection, call, descriptors) -> {
            asked.add(call);
            askers.add(connection);
          });
    }

    /** Turns as the loop does until so many calls have come. */
    void awaitCalls(int count) throws IOException {
      connections.registerFresh();
      while (asked.size() < count) {
        turn(SOON);
      }
    }

    /** One turn, if something happens in time. */
    boolean turn(Duration atMost) throws IOException {
      connections.registerFresh();
      List<Poller.Ready> ready = poller.await(atMost);
      ready.forEach(each -> ((Watcher) each.attachment()).ready(each.events()));
      connections.registerFresh();
      return !ready.isEmpty();
    }

    void letGo() {
      connections.letGo();
      over = true;
    }

    @Override
    public void close() throws IOException {
      if (!over) {
        connections.close();
      }
      poller.close();
    }
  }

  @TempDir Path directory;
  private final List<AutoCloseable> opened = new ArrayList<>();
  private UnixAddress address;
  private Floor old;

  @BeforeEach
  void begin() throws Exception {
    address = new UnixAddress.Path(directory.resolve("control"));
    old = keep(new Floor(ControlSocket.open(address, SocketSettings.DEFAULT)));
    old.open();
  }

  @AfterEach
  void close() throws Exception {
    for (int i = opened.size() - 1; i >= 0; i--) {
      opened.get(i).close();
    }
  }

  private <T extends AutoCloseable> T keep(T made) {
    opened.add(made);
    return made;
  }

  private UnixSocket connect() throws IOException {
    UnixSocket peer = keep(UnixSocket.connect(address));
    peer.setNonBlocking(true);
    return peer;
  }

  private static byte[] frame(Call call) {
    return (call.toJson() + "\0").getBytes(UTF_8);
  }

  private static void say(UnixSocket peer, byte[] bytes) throws IOException {
    assertThat(peer.send(ByteBuffer.wrap(bytes), List.of())).isEqualTo(bytes.length);
  }

  private static void say(UnixSocket peer, Call call) throws IOException {
    say(peer, frame(call));
  }

  /** The next frame that the peer was sent. */
  private static Reply told(UnixSocket peer, List<OwnedFd> descriptors) throws IOException {
    FrameReader frames = new FrameReader(1 << 20);
    ByteBuffer room = ByteBuffer.allocate(64 << 10);
    ByteBuffer frame = null;
    while (frame == null) {
      assertThat(peer.awaitReadable(SOON)).as("something was said").isTrue();
      int got = peer.receive(room.clear(), descriptors::add);
      assertThat(got).as("bytes of an answer").isPositive();
      frames.feed(room.flip());
      frame = frames.next();
    }
    assertThat(frames.waiting()).isZero();
    return Reply.parse(Json.parse(frame, Json.Limits.DEFAULT));
  }

  private static Reply told(UnixSocket peer) throws IOException {
    return told(peer, new ArrayList<>());
  }

  private static boolean isSilent(UnixSocket peer) {
    return !peer.awaitReadable(Duration.ZERO);
  }

  /** A second floor with all that the first hands over, by way of the text; the first lets go. */
  private Floor succeed() throws IOException {
    ControlSocket control = old.control;
    Floor next =
        keep(
            new Floor(
                ControlSocket.adopt(
                    address,
                    control.descriptor().dup(),
                    Optional.of(control.lock().orElseThrow().dup()),
                    control.proof())));
    for (Connections.Handed handed : old.connections.handOver()) {
      JsonObject text = Json.parse(handed.connection().toJson().build().toString());
      next.connections.adopt(HandedConnection.read(text), handed.borrowed().dup());
    }
    old.letGo();
    next.open();
    return next;
  }

  private static Answer.Progress step(Answer.Step step, boolean last) {
    return new Answer.Progress("shop", step, 7, 4711, "so", Instant.EPOCH, last);
  }

  private static Reply reply(Answer.Progress progress) {
    JsonObject parameters = JsonObject.of("step", Wire.step(progress));
    return progress.last() ? Reply.of(parameters) : Reply.continued(parameters);
  }

  @Test
  void whoWaitsForStepsGetsTheRestFromTheSuccessor() throws Exception {
    UnixSocket peer = connect();
    say(peer, Call.more(RESTART, JsonObject.of("service", "shop")));
    old.awaitCalls(1);
    long id = old.askers.get(0).id();
    assertThat(old.askers.get(0).reply(reply(step(Answer.Step.BEGUN, false)), List.of())).isTrue();
    assertThat(told(peer).continues()).isTrue();

    Floor next = succeed();
    next.turn(Duration.ZERO);
    assertThat(isSilent(peer)).isTrue();
    Connection same = next.connections.find(id).orElseThrow();
    assertThat(same.caller().uid()).isEqualTo(peer.peerCredentials().uid());
    assertThat(same.reply(reply(step(Answer.Step.DONE, true)), List.of())).isTrue();
    assertThat(told(peer).continues()).isFalse();
    say(peer, Call.of(RESTART, JsonObject.of("service", "other")));
    next.awaitCalls(1);
    assertThat(next.asked.get(0).parameters().string("service")).isEqualTo("other");
  }

  @Test
  void halfACallIsFinishedWithTheSuccessor() throws Exception {
    UnixSocket peer = connect();
    byte[] frame = frame(Call.of(RESTART, JsonObject.of("service", "shop")));
    say(peer, java.util.Arrays.copyOfRange(frame, 0, 20));
    assertThat(old.turn(SOON)).isTrue();
    Floor next = succeed();
    say(peer, java.util.Arrays.copyOfRange(frame, 20, frame.length));
    next.awaitCalls(1);
    assertThat(next.asked.get(0).method()).isEqualTo(RESTART);
    assertThat(next.connections.nextDeadline()).isEmpty(); // it has spoken, and stalls no more
  }

  @Test
  void halfAnAnswerIsFinishedByTheSuccessor() throws Exception {
    UnixSocket peer = connect();
    say(peer, Call.of(RESTART, JsonObject.of("service", "shop")));
    old.awaitCalls(1);
    String much = "x".repeat(400 << 10);
    assertThat(old.askers.get(0).reply(Reply.of(JsonObject.of("much", much)), List.of())).isTrue();
    assertThat(old.connections.handOver()).hasSize(1);
    Floor next = succeed();
    next.connections.registerFresh();
    assertThat(next.connections.nextDeadline()).isPresent(); // an unread reply
    FrameReader frames = new FrameReader(1 << 20);
    ByteBuffer room = ByteBuffer.allocate(64 << 10);
    ByteBuffer frame = null;
    while (frame == null) {
      if (peer.receive(room.clear(), OwnedFd::close) == 0) {
        assertThat(next.turn(SOON)).isTrue();
      } else {
        frames.feed(room.flip());
        frame = frames.next();
      }
    }
    Reply whole = Reply.parse(Json.parse(frame, Json.Limits.DEFAULT));
    assertThat(whole.parameters().string("much")).isEqualTo(much);
    assertThat(next.connections.nextDeadline()).isEmpty();
  }

  @Test
  void whoConnectsMeanwhileIsServedByTheSuccessor() throws Exception {
    UnixSocket first = connect();
    say(first, Call.of(RESTART, JsonObject.of("service", "a")));
    old.awaitCalls(1);
    long before = old.askers.get(0).id();
    UnixSocket waiting = connect();
    say(waiting, Call.of(RESTART, JsonObject.of("service", "b")));
    Floor next = succeed();
    next.awaitCalls(1);
    assertThat(next.asked.get(0).parameters().string("service")).isEqualTo("b");
    assertThat(next.askers.get(0).id()).isGreaterThan(before);
    assertThat(next.connections.count()).isEqualTo(2);
  }

  @Test
  void pathAndLockAreTheSuccessorsAndGoWithIt() throws Exception {
    Floor next = succeed();
    assertThatThrownBy(() -> ControlSocket.open(address, SocketSettings.DEFAULT))
        .isInstanceOf(ControlSocket.TakenException.class)
        .hasMessageContaining("pid " + Limits.processId());
    next.connections.close();
    next.over = true;
    assertThat(directory).isEmptyDirectory();
    keep(ControlSocket.open(address, SocketSettings.DEFAULT));
  }

  @Test
  void aPathWithoutItsLockIsNotTakenOver() throws Exception {
    try (OwnedFd socket = old.control.descriptor().dup()) {
      assertThatThrownBy(
              () -> ControlSocket.adopt(address, socket, Optional.empty(), old.control.proof()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("without its lock");
      assertThat(socket.isOpen()).isTrue();
    }
  }

  @Test
  void aCallThatOnlyThisBrokerCanAnswerIsWaitedFor() throws Exception {
    UnixSocket waits = connect();
    say(waits, Call.of("dev.holdfast.Worker.Await", JsonObject.of("lease", "a-1")));
    old.awaitCalls(1);
    assertThat(old.connections.isQuiet()).isTrue();
    UnixSocket busy = connect();
    say(busy, Call.of("dev.holdfast.Control.Reload", JsonObject.EMPTY));
    old.awaitCalls(2);
    assertThat(old.connections.isQuiet()).isFalse();
    assertThat(old.connections.handOver()).hasSize(1);
    assertThat(old.askers.get(1).reply(Reply.of(JsonObject.EMPTY), List.of())).isTrue();
    assertThat(old.connections.isQuiet()).isTrue();
    assertThat(old.connections.handOver()).hasSize(2);
  }

  @Test
  void whoCannotBeHandedOverSeesTheEnd() throws Exception {
    UnixSocket busy = connect();
    say(busy, Call.of("dev.holdfast.Control.Reload", JsonObject.EMPTY));
    old.awaitCalls(1);
    Floor next = succeed();
    assertThat(next.connections.count()).isZero();
    assertThat(busy.awaitReadable(SOON)).isTrue();
    assertThat(busy.receive(ByteBuffer.allocate(10), OwnedFd::close)).isNegative();
  }

  @Test
  void aConnectionThatMakesNoSenseIsNotTaken() throws Exception {
    UnixSocket peer = connect();
    say(peer, Call.of("dev.holdfast.Worker.Await", JsonObject.of("lease", "a-1")));
    old.awaitCalls(1);
    HandedConnection same = old.connections.handOver().get(0).connection();
    try (OwnedFd socket = peer.fd().dup()) {
      assertThatThrownBy(() -> old.connections.adopt(same, socket))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(socket.isOpen()).isTrue();
    }
  }

  // ---- the talk with a successor

  private static Call handover(String step) {
    return Call.of(HANDOVER, JsonObject.of("step", step));
  }

  private Conversation converse(UnixSocket successor) throws IOException {
    say(successor, handover("begin"));
    old.awaitCalls(1);
    return keep(old.connections.converse(old.askers.get(0).id()).orElseThrow());
  }

  @Test
  void aSuccessorGetsPartAfterPartWithTheirDescriptors() throws Exception {
    UnixSocket successor = connect();
    Conversation conversation = converse(successor);
    assertThat(old.connections.handOver()).isEmpty(); // its connection is not one of them
    conversation.reply(JsonObject.of("format", 1, "parts", 1), List.of(), SOON);
    assertThat(told(successor).parameters().integer("format")).isEqualTo(1);
    say(successor, handover("next"));
    assertThat(conversation.receive(SOON).string("step")).isEqualTo("next");
    List<OwnedFd> many = new ArrayList<>();
    List<JsonObject> items = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      many.add(keep(OwnedFd.openForReading("/dev/null")));
      items.add(JsonObject.of("fileDescriptorIndex", i));
    }
    conversation.reply(JsonObject.of("items", items), many, SOON);
    List<OwnedFd> got = new ArrayList<>();
    assertThat(told(successor, got).parameters().objects("items")).hasSize(32);
    got.forEach(OwnedFd::close);
    assertThat(got).hasSize(32);
    say(successor, handover("commit"));
    assertThat(conversation.receive(SOON).string("step")).isEqualTo("commit");
  }

  @Test
  void aSuccessorThatIsSilentGoneOrWrongEndsTheTalk() throws Exception {
    UnixSocket successor = connect();
    Conversation conversation = converse(successor);
    conversation.reply(JsonObject.EMPTY, List.of(), SOON);
    assertThatThrownBy(() -> conversation.receive(Duration.ofMillis(1)))
        .isInstanceOf(SocketTimeoutException.class)
        .hasMessage("it said nothing for 1 ms");
    say(successor, Call.of(RESTART, JsonObject.of("service", "shop")));
    assertThatThrownBy(() -> conversation.receive(SOON))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining(RESTART);
    say(successor, Call.of(HANDOVER, JsonObject.of("step", "stumble")));
    assertThatThrownBy(() -> conversation.receive(SOON))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("step");
    successor.close();
    assertThatThrownBy(() -> conversation.receive(SOON)).isInstanceOf(EOFException.class);
    conversation.refuse("dev.holdfast.Control.HandoverFailed", JsonObject.of("reason", "so"));
    conversation.close();
    assertThat(old.connections.count()).isZero();
  }

  @Test
  void anAnswerThatIsNotReadInTimeEndsTheTalk() throws Exception {
    UnixSocket successor = connect();
    Conversation conversation = converse(successor);
    JsonObject much = JsonObject.of("much", "x".repeat(900 << 10));
    assertThatThrownBy(() -> conversation.reply(much, List.of(), Duration.ofMillis(1)))
        .isInstanceOf(SocketTimeoutException.class);
  }

  @Test
  void aRefusedSuccessorIsToldWhyAndSeesTheEnd() throws Exception {
    UnixSocket successor = connect();
    Conversation conversation = converse(successor);
    conversation.refuse("dev.holdfast.Control.HandoverFailed", JsonObject.of("reason", "so"));
    conversation.close();
    assertThat(told(successor).error()).isEqualTo("dev.holdfast.Control.HandoverFailed");
    assertThat(successor.awaitReadable(SOON)).isTrue();
    assertThat(successor.receive(ByteBuffer.allocate(10), OwnedFd::close)).isNegative();
  }

  // ---- what waits for a lease

  @Test
  void aProcessThatIsKeptForALeaseOutlivesWhoAskedForIt() throws Exception {
    UnixSocket operator = connect();
    say(operator, Call.of("dev.holdfast.Control.Adopt", JsonObject.of("name", "web", "pid", 1)));
    old.awaitCalls(1);
    long id = old.askers.get(0).id();
    Pidfd self = Pidfd.open(Limits.processId());
    old.connections.keepPidfd(id, self);
    operator.close();
    old.turn(SOON);
    assertThat(old.connections.count()).isZero();
    assertThat(old.connections.takePidfd(id)).containsSame(self);
    assertThat(old.connections.takePidfd(id)).isEmpty();
    self.close();
  }
}
