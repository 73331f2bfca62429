package dev.holdfast.broker.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.bind.HostAddresses;
import dev.holdfast.broker.bind.ListenerSockets;
import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Refusal;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.FrameReader;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.Reply;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A peer of the control socket, and a state that answers what the test says. One thread. */
@Timeout(60)
class AnswersTest {

  private static final String RESTART = "dev.holdfast.Control.Restart";
  private static final String ACQUIRE = "dev.holdfast.Worker.Acquire";
  private static final LeaseId LEASE = new LeaseId("a-1");

  private final List<Event> events = new ArrayList<>();
  private final List<Connection> asked = new ArrayList<>();
  private final List<String> notifyOpened = new ArrayList<>();
  private Optional<String> notifyPath = Optional.of("/run/notify/x");
  private final FrameReader frames = new FrameReader(1 << 20);
  private Poller poller;
  private Connections connections;
  private ListenerSockets sockets;
  private Answers answers;
  private UnixSocket peer;

  @BeforeEach
  void connect() throws Exception {
    UnixAddress address = UnixAddress.parse("@holdfast-answers-" + System.nanoTime());
    poller = Poller.open();
    BrokerState state = new BrokerState(Limits.processId(), "a-");
    Closing closing = new Closing();
    connections =
        new Connections(
            ControlSocket.open(address, SocketSettings.DEFAULT),
            poller,
            state,
            events::add,
            () -> Instant.EPOCH,
            closing);
    sockets = new ListenerSockets(new HostAddresses(), poller, events::add, () -> Instant.EPOCH);
    answers =
        new Answers(
            connections,
            sockets,
            new StoredDescriptors(closing),
            (lease, uid) -> {
              notifyOpened.add(lease.value());
              return notifyPath;
            },
            events::add);
    connections.open((connection, call, descriptors) -> asked.add(connection));
    peer = UnixSocket.connect(address);
    peer.setNonBlocking(true);
  }

  @AfterEach
  void close() throws Exception {
    peer.close();
    connections.close();
    sockets.close();
    poller.close();
  }

  private long ask(Call call) throws Exception {
    byte[] json = Json.bytes(call.toJson());
    ByteBuffer frame = ByteBuffer.allocate(json.length + 1).put(json).put((byte) 0).flip();
    assertThat(peer.send(frame, List.of())).isEqualTo(json.length + 1);
    while (asked.isEmpty()) {
      turn();
    }
    return asked.get(0).id();
  }

  /** What the loop does once. */
  private void turn() throws Exception {
    connections.registerFresh(); // and reads what they have said since
    if (asked.isEmpty()) {
      List<Poller.Ready> ready = poller.await(Duration.ofSeconds(20));
      assertThat(ready).as("what the peer did").isNotEmpty();
      ready.forEach(each -> ((Watcher) each.attachment()).ready(each.events()));
    }
  }

  /** What the peer was told by now. */
  private List<Reply> told() throws Exception {
    List<Reply> replies = new ArrayList<>();
    ByteBuffer room = ByteBuffer.allocate(8192);
    while (peer.awaitReadable(Duration.ZERO) && peer.receive(room.clear(), OwnedFd::close) > 0) {
      frames.feed(room.flip());
    }
    for (ByteBuffer frame = frames.next(); frame != null; frame = frames.next()) {
      replies.add(Reply.parse(Json.parse(frame, Json.Limits.DEFAULT)));
    }
    return replies;
  }

  private void happens(long connection, Answer.Step step, boolean last) {
    answers.answer(
        connection, new Answer.Progress("shop", step, 7, 4711, "so", Instant.EPOCH, last));
  }

  private static List<String> steps(List<Reply> replies) {
    return replies.stream().map(each -> each.parameters().object("step").string("step")).toList();
  }

  @Test
  void whoWantsMoreIsToldEachStepAsItHappens() throws Exception {
    long id = ask(Call.more(RESTART, JsonObject.of("service", "shop")));
    happens(id, Answer.Step.BEGUN, false);
    assertThat(steps(told())).containsExactly("begun");
    happens(id, Answer.Step.STARTED, false);
    happens(id, Answer.Step.DONE, true);
    List<Reply> rest = told();
    assertThat(steps(rest)).containsExactly("started", "done");
    assertThat(rest).extracting(Reply::continues).containsExactly(true, false);
  }

  @Test
  void whoDoesNotIsToldTheLastAlone() throws Exception {
    long id = ask(Call.of(RESTART, JsonObject.of("service", "shop")));
    happens(id, Answer.Step.BEGUN, false);
    happens(id, Answer.Step.READY, false);
    assertThat(told()).isEmpty();
    happens(id, Answer.Step.DONE, true);
    List<Reply> replies = told();
    assertThat(steps(replies)).containsExactly("done");
    assertThat(replies).extracting(Reply::continues).containsExactly(false);
  }

  @Test
  void aRestartThatFailsEndsWithAnErrorAndTheConnectionStaysUsable() throws Exception {
    long id = ask(Call.more(RESTART, JsonObject.of("service", "shop")));
    happens(id, Answer.Step.BEGUN, false);
    answers.answer(id, new Answer.Refused(new Refusal.RestartFailed("shop", "exited\nbad")));
    List<Reply> replies = told();
    assertThat(replies).hasSize(2);
    assertThat(replies.get(1).error()).isEqualTo("dev.holdfast.Control.RestartFailed");
    assertThat(replies.get(1).parameters().string("reason")).isEqualTo("exited\nbad");
    asked.clear();
    assertThat(ask(Call.of(RESTART, JsonObject.of("service", "shop")))).isEqualTo(id);
  }

  @Test
  void aStepForOneWhoIsGoneIsNoError() throws Exception {
    long id = ask(Call.more(RESTART, JsonObject.of("service", "shop")));
    peer.close();
    connections.registerFresh(); // reads, and finds the end
    happens(id, Answer.Step.READY, false);
    happens(id, Answer.Step.DONE, true);
    assertThat(events).containsExactly(new Event.ConnectionClosed(id));
  }

  @Test
  void aProgramGetsANotifySocket() throws Exception {
    long id = ask(Call.of(ACQUIRE, JsonObject.of("listeners", List.of("web"))));
    answers.answer(id, new Answer.Granted(LEASE, List.of(), true));
    assertThat(told().get(0).parameters().string("notifySocket")).isEqualTo("/run/notify/x");
    assertThat(notifyOpened).containsExactly("a-1");
  }

  @Test
  void aNotifySocketThatCannotBeMadeIsLeftOut() throws Exception {
    notifyPath = Optional.empty();
    long id = ask(Call.of(ACQUIRE, JsonObject.of("listeners", List.of("web"))));
    answers.answer(id, new Answer.Granted(LEASE, List.of(), true));
    JsonObject parameters = told().get(0).parameters();
    assertThat(parameters.string("lease")).isEqualTo("a-1");
    assertThat(parameters.has("notifySocket")).isFalse();
  }

  @Test
  void aWorkerThatSpeaksForItselfGetsNone() throws Exception {
    long id = ask(Call.of(ACQUIRE, JsonObject.of("listeners", List.of("web"))));
    answers.answer(id, new Answer.Granted(LEASE, List.of(), false));
    assertThat(told().get(0).parameters().has("notifySocket")).isFalse();
    assertThat(notifyOpened).isEmpty();
  }
}
