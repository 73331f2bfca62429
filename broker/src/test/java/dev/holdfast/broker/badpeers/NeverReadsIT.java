package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Peers that ask, and do not read what they are told. */
@Timeout(300)
class NeverReadsIT {

  private static final String WATCH = "{\"method\":\"" + CONTROL + "Watch\",\"more\":true}";

  @RegisterExtension final Siege siege = new Siege();

  @Test
  void aWatcherThatDoesNotReadIsDroppedAndTheOthersSeeEverything() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"1s\"");
    for (int i = 0; i < 10; i++) {
      siege.keep(BadPeer.connect(broker.socket())).say(WATCH);
    }
    try (BrokerProcess.Events events = broker.watch()) {
      long connections = Long.MAX_VALUE;
      int leases = 0;
      // Left are those of the test, of its watcher and of the neighbour.
      while (connections > 4 && leases < 40_000) {
        acquireAndRelease(broker, 50);
        leases += 50;
        while (events.next(java.time.Duration.ZERO).isPresent()) {
          // reads all there is
        }
        connections = broker.control("Status", JsonObject.EMPTY).integer("connections");
      }
      assertThat(connections).as("connections after %s leases", leases).isLessThanOrEqualTo(4);
    }
  }

  private static void acquireAndRelease(BrokerProcess broker, int count) throws Exception {
    JsonObject request = JsonObject.of("listeners", List.of("web"));
    try (VarlinkClient client = broker.connect()) {
      for (int i = 0; i < count; i++) {
        String lease;
        try (Answer answer = client.call(WORKER + "Acquire", request, BadPeer.PATIENCE)) {
          lease = answer.parameters().string("lease");
        }
        client.call(WORKER + "Release", JsonObject.of("lease", lease), BadPeer.PATIENCE).close();
      }
    }
  }

  @Test
  void aLongListIsReadWholeAndOneThatIsNotReadIsDropped() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"1s\"");
    int leases = 12_000;
    try (VarlinkClient holder = broker.connect()) {
      JsonObject request =
          JsonObject.of(
              "listeners", List.of("web"), "hold", "connection", "service", "s".repeat(255));
      for (int i = 0; i < leases; i++) {
        holder.call(WORKER + "Acquire", request, BadPeer.PATIENCE).close();
      }
      List<BadPeer> deaf = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        BadPeer peer = siege.keep(BadPeer.connect(broker.socket()));
        peer.say(i % 2 == 0 ? WATCH : "{\"method\":\"" + CONTROL + "List\",\"more\":true}");
        deaf.add(peer);
      }
      assertThat(listed(broker, "List")).isGreaterThanOrEqualTo(leases);
      assertThat(listed(broker, "Watch")).isGreaterThanOrEqualTo(leases);
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        peer.say("{\"method\":\"" + CONTROL + "List\"}");
        assertThat(peer.error()).isEqualTo("org.varlink.service.ExpectedMore");
        peer.expectWorks();
      }
      for (BadPeer peer : deaf) {
        assertThat(peer.socket().awaitReadable(BadPeer.PATIENCE)).isTrue();
      }
      dev.holdfast.broker.testing.Await.until(
          () -> "the end of those who do not read: " + broker.stderr(),
          () -> broker.control("Status", JsonObject.EMPTY).integer("connections") < 5);
    }
  }

  private static int listed(BrokerProcess broker, String member) throws Exception {
    int listed = 0;
    try (VarlinkClient client = broker.connect()) {
      ReplyStream replies = client.stream(CONTROL + member, JsonObject.EMPTY);
      Optional<JsonObject> part = replies.next(BadPeer.PATIENCE);
      while (part.isPresent()) {
        assertThat(dev.holdfast.varlink.Json.bytes(part.get()).length).isLessThan(1 << 20);
        listed += part.get().has("leases") ? part.get().objects("leases").size() : 0;
        if (member.equals("Watch") && (listed >= 12_000 || part.get().has("event"))) {
          break;
        }
        part = replies.next(BadPeer.PATIENCE);
      }
    }
    return listed;
  }
}
