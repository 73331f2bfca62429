package dev.holdfast.broker.control;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.bind.HostAddresses;
import dev.holdfast.broker.bind.ListenerSockets;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.broker.loop.Loop;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixListener;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.Reply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is asked of the broker as a whole, by callers of any uid. One thread. */
@Timeout(60)
class SuccessionCallsTest {

  private static final String CONTROL = "dev.holdfast.Control.";
  private static final int OWN = 4711;
  private static final int OTHER = 4712;

  /** Keeps what it was asked. */
  private static final class Asked implements Operator {
    final List<Object> of = new ArrayList<>();

    @Override
    public void reload(long connection) {
      of.add("reload");
    }

    @Override
    public void adopt(Adoption wanted) {
      of.add(wanted);
    }

    @Override
    public void upgrade(long connection, Optional<Path> program) {
      of.add(program);
    }

    @Override
    public void handover(long connection, List<Integer> formats) {
      of.add(formats);
    }

    @Override
    public Identity identity() {
      return new Identity(1, OWN, "1", "@x", Path.of("/"), Optional.empty(), Instant.EPOCH);
    }
  }

  private final Asked asked = new Asked();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private Poller poller;
  private Connections connections;
  private Methods methods;
  private long last;

  @BeforeEach
  void open() throws Exception {
    poller = keep(Poller.open());
    BrokerState state = new BrokerState(OWN, "a-");
    Loop loop = new Loop(poller, state, () -> Instant.EPOCH);
    HostAddresses addresses = new HostAddresses();
    ListenerSockets sockets =
        keep(new ListenerSockets(addresses, poller, loop::event, () -> Instant.EPOCH));
    UnixAddress address = UnixAddress.parse("@holdfast-calls-" + System.nanoTime());
    connections =
        keep(
            new Connections(
                ControlSocket.open(address, SocketSettings.DEFAULT),
                poller,
                state,
                loop::event,
                () -> Instant.EPOCH,
                new Closing()));
    methods =
        new Methods(
            connections,
            sockets,
            state,
            loop,
            asked,
            addresses,
            new Lookups(),
            (lease, uid) -> Optional.empty());
    methods.open();
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

  /** A peer that the broker takes for one of this user. */
  private UnixSocket peer(int uid) throws IOException {
    UnixAddress address = UnixAddress.parse("@holdfast-pair-" + System.nanoTime());
    try (UnixListener listener = UnixListener.bind(address, 1)) {
      UnixSocket peer = keep(UnixSocket.connect(address));
      try (UnixSocket accepted = listener.accept().orElseThrow()) {
        Caller caller = new Caller(++last, Limits.processId(), uid, uid, List.of());
        HandedConnection idle =
            new HandedConnection(caller, Connection.State.IDLE, true, null, "", "");
        connections.adopt(idle, accepted.fd().dup());
      }
      return peer;
    }
  }

  private void say(UnixSocket peer, String method, JsonObject parameters, OwnedFd... descriptors)
      throws IOException {
    byte[] bytes = (Call.of(method, parameters).toJson() + "\0").getBytes(UTF_8);
    assertThat(peer.send(ByteBuffer.wrap(bytes), Arrays.asList(descriptors)))
        .isEqualTo(bytes.length);
    connections.registerFresh();
    for (Poller.Ready ready : poller.await(Duration.ZERO)) {
      ((Watcher) ready.attachment()).ready(ready.events());
    }
  }

  private static Reply told(UnixSocket peer) throws IOException {
    ByteBuffer room = ByteBuffer.allocate(64 << 10);
    assertThat(peer.awaitReadable(Duration.ofSeconds(20))).isTrue();
    int got = peer.receive(room, OwnedFd::close);
    assertThat(got).isPositive();
    return Reply.parse(Json.parse(room.flip().limit(got - 1), Json.Limits.DEFAULT));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Adopt | {\"name\":\"web\",\"pid\":1} | adopt",
        "Upgrade | {} | upgrade",
        "Handover | {\"step\":\"begin\",\"formats\":[1]} | handover",
        "Handover | {\"step\":\"next\"} | handover"
      })
  void whoHasNoRightIsToldSoAndNothingIsLookedAt(String method, String parameters, String right)
      throws Exception {
    UnixSocket other = peer(OTHER);
    say(other, CONTROL + method, Json.parse(parameters));
    Reply refused = told(other);
    assertThat(refused.error()).isEqualTo(CONTROL + "NotPermitted");
    assertThat(refused.parameters().string("right")).isEqualTo(right);
    assertThat(asked.of).isEmpty();
  }

  @Test
  void anAdoptionIsAskedForWithItsDefaults() throws Exception {
    UnixSocket own = peer(OWN);
    say(own, CONTROL + "Adopt", JsonObject.of("name", "web", "pid", 77));
    Caller caller = connections.find(1).orElseThrow().caller();
    assertThat(asked.of)
        .containsExactly(
            new Operator.Adoption(
                caller,
                ListenerName.parse("web"),
                77,
                OptionalInt.empty(),
                Optional.empty(),
                "web",
                15,
                false));
    methods.adoptFailed(1, 77, "pid 77 listens on nothing");
    Reply failed = told(own);
    assertThat(failed.error()).isEqualTo(CONTROL + "AdoptFailed");
    assertThat(failed.parameters().string("reason")).isEqualTo("pid 77 listens on nothing");
    methods.adoptFailed(99, 77, "nobody hears this");
  }

  @Test
  void andWithAllThatCanBeSaid() throws Exception {
    UnixSocket root = peer(0);
    say(
        root,
        CONTROL + "Adopt",
        Json.parse(
            "{\"name\":\"web\",\"pid\":77,\"port\":80,\"endpoint\":\"tcp:[::]:80\","
                + "\"service\":\"shop\",\"stopSignal\":\"QUIT\",\"nonBlocking\":true}"));
    Operator.Adoption wanted = (Operator.Adoption) asked.of.get(0);
    assertThat(wanted.port()).hasValue(80);
    assertThat(wanted.endpoint()).contains("tcp:[::]:80");
    assertThat(wanted.service()).isEqualTo("shop");
    assertThat(wanted.stopSignal()).isEqualTo(3);
    assertThat(wanted.nonBlocking()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Adopt | {\"name\":\"-x\",\"pid\":1} | name",
        "Adopt | {\"name\":\"web\",\"pid\":0} | pid",
        "Adopt | {\"name\":\"web\",\"pid\":4294967297} | pid",
        "Adopt | {\"name\":\"web\",\"pid\":1,\"port\":0} | port",
        "Adopt | {\"name\":\"web\",\"pid\":1,\"port\":65536} | port",
        "Adopt | {\"name\":\"web\",\"pid\":1,\"service\":\"\"} | service",
        "Adopt | {\"name\":\"web\",\"pid\":1,\"stopSignal\":\"NOSUCH\"} | stopSignal",
        "Upgrade | {\"program\":\"holdfastd\"} | program",
        "Upgrade | {\"program\":\"\"} | program",
        "Handover | {\"step\":\"begin\",\"formats\":[0]} | formats",
        "Handover | {\"step\":\"stumble\"} | step"
      })
  void whatCannotBeIsRefused(String method, String parameters, String wrong) throws Exception {
    UnixSocket own = peer(OWN);
    say(own, CONTROL + method, Json.parse(parameters));
    Reply refused = told(own);
    assertThat(refused.error()).isEqualTo("org.varlink.service.InvalidParameter");
    assertThat(refused.parameters().string("parameter")).isEqualTo(wrong);
    assertThat(asked.of).isEmpty();
  }

  @Test
  void anUpgradeTellsItsStepsToWhoWantsThem() throws Exception {
    UnixSocket own = peer(OWN);
    say(own, CONTROL + "Upgrade", JsonObject.of("program", "/x/holdfastd"));
    assertThat(asked.of).containsExactly(Optional.of(Path.of("/x/holdfastd")));
    methods.upgradeStep(1, Operator.UpgradeStep.STARTED, 7, "started", Instant.EPOCH);
    assertThat(own.awaitReadable(Duration.ZERO)).as("only the last one was asked for").isFalse();
    methods.upgradeStep(1, Operator.UpgradeStep.DONE, 7, "serves", Instant.EPOCH);
    Reply done = told(own);
    assertThat(done.continues()).isFalse();
    assertThat(done.parameters().object("step").integer("pid")).isEqualTo(7);
    say(own, CONTROL + "Upgrade", JsonObject.EMPTY);
    assertThat(asked.of).endsWith(Optional.empty());
    methods.upgradeFailed(1, "so");
    assertThat(told(own).error()).isEqualTo(CONTROL + "UpgradeFailed");
  }

  @Test
  void aHandoverBeginsAtItsBeginning() throws Exception {
    UnixSocket own = peer(OWN);
    say(own, CONTROL + "Handover", JsonObject.of("step", "commit"));
    assertThat(told(own).error()).isEqualTo(CONTROL + "HandoverFailed");
    say(own, CONTROL + "Handover", Json.parse("{\"step\":\"begin\",\"formats\":[1,2]}"));
    assertThat(asked.of).containsExactly(List.of(1, 2));
    methods.handoverFailed(1, "another one is under way");
    Reply failed = told(own);
    assertThat(failed.error()).isEqualTo(CONTROL + "HandoverFailed");
    assertThat(failed.parameters().string("reason")).isEqualTo("another one is under way");
  }

  private static JsonObject restore(int sockets) {
    List<JsonObject> described = new ArrayList<>();
    for (int i = 0; i < sockets; i++) {
      described.add(
          JsonObject.builder()
              .put("listener", "web")
              .put("endpoint", "tcp:127.0.0.1:80")
              .put("kind", "stream")
              .put("fileDescriptorIndex", i)
              .build());
    }
    return JsonObject.of("lease", "a-1", "sockets", described);
  }

  @Test
  void socketsOfALeaseThatIsNotRememberedAreClosed() throws Exception {
    UnixSocket own = peer(OWN);
    try (OwnedFd one = OwnedFd.openForReading("/dev/null")) {
      OwnedFd[] many = new OwnedFd[32];
      Arrays.fill(many, one);
      say(own, "dev.holdfast.Worker.Restore", restore(32), many);
    }
    Reply refused = told(own);
    assertThat(refused.error()).isEqualTo("dev.holdfast.Worker.NoSuchLease");
    assertThat(methods.stored().all()).isEmpty();
    assertThat(connections.isQuiet()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void moreDescriptorsThanAMethodTakesEndTheConnection(int declared) throws Exception {
    UnixSocket own = peer(OWN);
    try (OwnedFd one = OwnedFd.openForReading("/dev/null")) {
      JsonObject store =
          declared == 0
              ? JsonObject.of("name", "x")
              : JsonObject.of("name", "x", "fileDescriptorIndex", 0);
      say(own, "dev.holdfast.Worker." + (declared == 0 ? "Retrieve" : "Store"), store, one, one);
    }
    assertThat(connections.count()).isZero();
  }

  @Test
  void aStoredDescriptorKeepsItsNumber() throws Exception {
    OwnedFd first = OwnedFd.openForReading("/dev/null");
    methods.stored().put(41, first);
    assertThat(methods.stored().all()).containsOnlyKeys(41L);
    long next = methods.stored().keep(OwnedFd.openForReading("/dev/null"));
    assertThat(next).isEqualTo(42);
    assertThat(methods.stored().take(41)).containsSame(first);
    assertThat(first.isOpen()).isTrue();
    first.close();
    assertThat(methods.stored().all()).containsOnlyKeys(42L);
    methods.closeStored();
    assertThat(methods.stored().all()).isEmpty();
  }
}
