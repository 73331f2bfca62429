package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.NOBODY;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.varlink.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** One user who comes too often, and with too much. */
@Timeout(300)
class ManyConnectionsIT {

  @RegisterExtension final Siege siege = new Siege();

  @Test
  void oneUserHasAsManyConnectionsAsItMayAndOthersHaveTheirs() throws Exception {
    BrokerProcess broker = siege.start("connections-per-uid = 512");
    ProgramProcess flood = siege.script(NOBODY, broker, "flood.py", "silent", "1500");
    Await.until(() -> "the flood: " + flood.written(), () -> !flood.outLines().isEmpty());
    // The last one, which the script uses to see that all were taken, may be among those kept.
    assertThat(Integer.parseInt(flood.outLines().get(0))).isBetween(500, 513);
    assertThat(broker.stderr().stream().filter(line -> line.contains("dropped")).count())
        .as("lines about dropped connections")
        .isBetween(1L, 30L);
    flood.kill();
  }

  @Test
  void theLimitHoldsForOneUserAndIsGivenBack() throws Exception {
    // Without a neighbour, which is of the same user and would be turned away too.
    BrokerProcess broker =
        siege.startAlone(BrokerProcess.Options.none(), "", "connections-per-uid = 40");
    for (int round = 0; round < 3; round++) {
      List<BadPeer> peers = new ArrayList<>();
      int served = 0;
      for (int i = 0; i < 60; i++) {
        BadPeer peer = siege.keep(BadPeer.connect(broker.socket()));
        peers.add(peer);
        peer.say("{\"method\":\"org.varlink.service.GetInfo\"}");
        served += peer.reply().isPresent() ? 1 : 0;
      }
      assertThat(served).as("beside the one that the test has itself").isEqualTo(39);
      peers.forEach(BadPeer::close);
      Await.until(
          () -> "the end of this round's connections",
          () -> broker.control("Status", JsonObject.EMPTY).integer("connections") == 1);
    }
  }

  @Test
  void thousandsWhoConnectAndLeaveCostNothing() throws Exception {
    BrokerProcess broker = siege.start();
    assertThat(siege.run(NOBODY, broker, "flood.py", "quick", "5000")).containsExactly("5000");
    try (BadPeer silent = BadPeer.connect(broker.socket())) {
      // What is remembered of those who left must not wait behind one who stays.
      assertThat(siege.run(NOBODY, broker, "flood.py", "late", "5000")).containsExactly("5000");
      silent.expectWorks();
    }
  }

  @Test
  void framesThatDoNotEndAreBoundedForOneUserTogether() throws Exception {
    BrokerProcess broker =
        siege.start(
            BrokerProcess.Options.none(), "allow = [\"uid:65534\"]\n", "frame-time = \"60s\"");
    ProgramProcess flood = siege.script(NOBODY, broker, "flood.py", "half", "512");
    // 16 MiB of 60,000 bytes each, less what each may have in any case.
    Await.until(
        () -> "drops: " + broker.stderr(), () -> dropsFor(broker, "too large together") > 0);
    flood.kill();
  }

  @Test
  void repliesThatNobodyReadsEndTheConnectionWithTheNextCall() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"60s\"");
    ProgramProcess flood = siege.script(NOBODY, broker, "flood.py", "unread", "100");
    Await.until(() -> "the flood: " + flood.written(), () -> !flood.outLines().isEmpty());
    assertThat(flood.outLines()).containsExactly("0");
    flood.kill();
  }

  @Test
  void largeFramesOneAfterTheOtherDoNotFillTheMemory() throws Exception {
    BrokerProcess broker = siege.start();
    byte[] large = BadPeer.call("a.B", "{\"x\":\"" + "x".repeat(900_000) + "\"}");
    for (int i = 0; i < 300; i++) {
      BadPeer peer = siege.keep(BadPeer.connect(broker.socket()));
      peer.send(large); // it stays, and what the broker needed for it must not
      assertThat(peer.error()).isEqualTo("org.varlink.service.InterfaceNotFound");
    }
  }

  @Test
  void manyServiceNamesDoNotFillTheMemory() throws Exception {
    BrokerProcess broker = siege.start();
    byte[] acquire =
        BadPeer.call(
            WORKER + "Acquire",
            "{\"listeners\":[\"web\"],\"hold\":\"connection\",\"service\":\""
                + "s".repeat(1_000_000)
                + "\"}");
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      for (int i = 0; i < 300; i++) {
        peer.send(acquire);
        Optional<?> reply = peer.reply();
        assertThat(String.valueOf(reply)).contains("InvalidParameter");
      }
    }
  }

  private static long dropsFor(BrokerProcess broker, String reason) {
    return broker.stderr().stream().filter(line -> line.contains(reason)).count();
  }
}
