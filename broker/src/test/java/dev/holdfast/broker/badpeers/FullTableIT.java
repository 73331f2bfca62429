package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.fd.OwnedFd;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** RLIMIT_NOFILE reached in the broker. Whatever filled it: when there is room again, it works. */
@Timeout(180)
class FullTableIT {

  private static final String ACQUIRE = "{\"listeners\":[\"web\"]}";

  @RegisterExtension final Siege siege = new Siege();

  private BrokerProcess small() throws Exception {
    return siege.startAlone(
        BrokerProcess.Options.none()
            .under(Checkout.installed("prlimit", "util-linux"), "--nofile=64:64"),
        "");
  }

  @Test
  void recoversFromConnections() throws Exception {
    BrokerProcess broker = small();
    for (int round = 0; round < 5; round++) {
      List<BadPeer> peers = new ArrayList<>();
      int dropped = 0;
      for (int i = 0; i < 100; i++) {
        BadPeer peer = siege.keep(BadPeer.connect(broker.socket()));
        peers.add(peer);
        peer.say("{\"method\":\"org.varlink.service.GetInfo\"}");
        dropped += peer.reply().isEmpty() ? 1 : 0;
      }
      assertThat(dropped).isPositive();
      // Those that it has are served on; only what needs one more descriptor is refused.
      peers.get(0).expectWorks();
      peers.get(0).send(BadPeer.call(WORKER + "Acquire", ACQUIRE));
      assertThat(peers.get(0).error()).isEqualTo(WORKER + "LimitReached");
      peers.get(0).send(BadPeer.call(CONTROL + "Status", "{}"));
      assertThat(peers.get(0).error()).isEqualTo("no error");
      peers.forEach(BadPeer::close);
      expectGrants(broker);
    }
  }

  @Test
  void recoversFromStoredDescriptors() throws Exception {
    BrokerProcess broker = small();
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null");
        BadPeer early = BadPeer.connect(broker.socket())) {
      early.expectWorks();
      List<String> stored = new ArrayList<>();
      int refused = 0;
      for (int i = 0; i < 80; i++) {
        try (BadPeer peer = BadPeer.connect(broker.socket())) {
          peer.send(
              BadPeer.call(WORKER + "Store", "{\"name\":\"n" + i + "\",\"fileDescriptorIndex\":0}"),
              List.of(fd));
          if (peer.error().equals("no error")) {
            stored.add("n" + i);
          } else {
            refused++;
          }
        }
      }
      assertThat(refused).isPositive();
      assertThat(stored).hasSizeGreaterThan(10);
      // Over a connection that the broker has: it can take no other one now.
      for (String name : stored) {
        early.send(
            BadPeer.call(WORKER + "Retrieve", "{\"name\":\"" + name + "\",\"remove\":true}"));
        assertThat(early.error()).isEqualTo("no error");
      }
      assertThat(early.descriptorsReceived()).isEqualTo(stored.size());
      expectGrants(broker);
    }
  }

  @Test
  void recoversFromListeners() throws Exception {
    BrokerProcess broker = small();
    List<String> opened = new ArrayList<>();
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      String error = "no error";
      for (int i = 0; i < 80 && error.equals("no error"); i++) {
        String spec = i % 2 == 0 ? "127.0.0.1:0W" : "unix:" + broker.directory().resolve("u" + i);
        peer.send(
            BadPeer.call(
                CONTROL + "Listen", "{\"name\":\"n" + i + "\",\"spec\":\"" + spec + "\"}"));
        error = peer.error();
        if (error.equals("no error")) {
          opened.add("n" + i);
        }
      }
      assertThat(error).isEqualTo(CONTROL + "BindFailed");
      assertThat(opened).hasSizeGreaterThan(10);
      // A lookup reads files on another thread: it too has to answer.
      peer.send(BadPeer.call(CONTROL + "Listen", "{\"name\":\"h\",\"spec\":\"localhost:0W\"}"));
      assertThat(peer.error()).startsWith(CONTROL);
      peer.send(BadPeer.call(CONTROL + "Reload", "{}"));
      assertThat(peer.reply()).isPresent();
      for (String name : opened) {
        peer.send(BadPeer.call(CONTROL + "Close", "{\"name\":\"" + name + "\"}"));
        assertThat(peer.error()).isEqualTo("no error");
      }
    }
    expectGrants(broker);
  }

  private static void expectGrants(BrokerProcess broker) {
    Await.until(
        () -> "a grant after there was room again: " + broker.stderr(),
        () -> {
          try (BadPeer peer = BadPeer.connect(broker.socket())) {
            peer.send(
                BadPeer.call(
                    WORKER + "Acquire", "{\"listeners\":[\"web\"],\"hold\":\"connection\"}"));
            return peer.error().equals("no error") && peer.descriptorsReceived() == 1;
          }
        });
  }
}
