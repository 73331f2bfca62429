package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Frames that do not end. */
@Timeout(180)
class CutFramesIT {

  private static final byte[] CALL =
      BadPeer.call(WORKER + "Acquire", "{\"listeners\":[\"web\"],\"hold\":\"connection\"}");

  @RegisterExtension final Siege siege = new Siege();

  @Test
  void aFrameThatIsCutAtAnyByteEndsItsConnectionOnly() throws Exception {
    BrokerProcess broker = siege.start();
    for (int round = 0; round < 5; round++) {
      for (int length = 0; length < CALL.length; length++) {
        try (BadPeer peer = BadPeer.connect(broker.socket())) {
          peer.send(Arrays.copyOf(CALL, length));
        }
      }
    }
  }

  @Test
  void aWholeFrameIsAnsweredWhereverItWasCutOnItsWay() throws Exception {
    BrokerProcess broker = siege.start();
    for (int length = 1; length < CALL.length; length++) {
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        peer.send(Arrays.copyOf(CALL, length));
        assertThat(peer.hears(Duration.ofMillis(1))).isFalse();
        peer.send(Arrays.copyOfRange(CALL, length, CALL.length));
        assertThat(peer.reply().orElseThrow().has("error")).isFalse();
        assertThat(peer.descriptorsReceived()).isEqualTo(1);
      }
    }
  }

  @Test
  void halfACallIsDroppedAtItsDeadlineWhereverItWasCut() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"200ms\"", "silent-time = \"1s\"");
    List<BadPeer> peers = new ArrayList<>();
    for (int length = 0; length < CALL.length; length++) {
      BadPeer peer = siege.keep(BadPeer.connect(broker.socket()));
      peers.add(peer.send(Arrays.copyOf(CALL, length)));
    }
    for (BadPeer peer : peers) {
      peer.expectDropped("half a frame");
    }
  }

  @Test
  void whoSendsAByteAtATimeHasNoMoreTimeThanOthers() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"200ms\"");
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      int sent = 0;
      while (sent < CALL.length - 1 && !peer.hears(Duration.ofMillis(20))) {
        peer.send(Arrays.copyOfRange(CALL, sent, ++sent));
      }
      peer.expectDropped("a byte at a time");
      assertThat(sent).isLessThan(CALL.length - 1);
    }
  }

  @Test
  void aConnectionThatSaysNothingIsClosedInTheEnd() throws Exception {
    BrokerProcess broker = siege.start("silent-time = \"300ms\"");
    try (BadPeer silent = BadPeer.connect(broker.socket());
        BadPeer other = BadPeer.connect(broker.socket())) {
      other.expectWorks();
      silent.expectDropped("silence");
      other.expectWorks(); // who has called once may be silent
    }
  }

  @Test
  void aPeerThatSaysItIsDoneStillGetsItsAnswerOrTheEnd() throws Exception {
    BrokerProcess broker = siege.start();
    String call = new String(CALL, 0, CALL.length - 1, StandardCharsets.UTF_8);
    List<String> said =
        siege.run(
            "0",
            broker,
            "calls.py",
            "half 0 " + call,
            "half 1 " + call,
            "half " + (CALL.length - 1) + " " + call,
            "half " + CALL.length + " " + call);
    assertThat(said.subList(0, 3)).containsExactly("EOF", "EOF", "EOF");
    assertThat(said.get(3)).contains("fileDescriptorIndex");
  }
}
