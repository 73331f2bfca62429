package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Descriptors that nobody asked for, or not so many, or not there. */
@Timeout(300)
class BadDescriptorsIT {

  private static final String STORE = WORKER + "Store";
  private static final String GOOD = "{\"name\":\"x\",\"fileDescriptorIndex\":0}";

  @RegisterExtension final Siege siege = new Siege();

  private static String[][] callsThatTakeNone() {
    return new String[][] {
      {"org.varlink.service.GetInfo", "{}"},
      {"org.varlink.service.GetInterfaceDescription", "{\"interface\":\"x\"}"},
      {"org.varlink.service.Nothing", "{}"},
      {"a.B", "{}"},
      {WORKER + "Acquire", "{\"listeners\":[\"web\"]}"},
      {WORKER + "Ready", "{\"lease\":\"x\"}"},
      {WORKER + "Release", "{\"lease\":\"x\"}"},
      {WORKER + "Await", "{\"lease\":\"x\"}"},
      {WORKER + "Retrieve", "{\"name\":\"x\"}"},
      {CONTROL + "Listen", "{\"name\":\"x\",\"spec\":\"127.0.0.1:0W\"}"},
      {CONTROL + "Close", "{\"name\":\"x\"}"},
      {CONTROL + "List", "{}"},
      {CONTROL + "Watch", "{}"},
      {CONTROL + "Drain", "{\"lease\":\"x\"}"},
      {CONTROL + "Reload", "{}"},
      {CONTROL + "Status", "{}"},
    };
  }

  @Test
  void aPeerThatSendsDescriptorsToAMethodThatTakesNoneIsDropped() throws Exception {
    BrokerProcess broker = siege.start();
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null")) {
      for (String[] call : callsThatTakeNone()) {
        for (int count : new int[] {1, 2, 31, 32, 33, 60, 61, 100, 252, 253}) {
          expectDropped(broker, BadPeer.call(call[0], call[1]), fd, count);
        }
      }
      assertThat(broker.leases().toString()).doesNotContain("process");
    }
  }

  @Test
  void anyNumberOfDescriptorsButTheDeclaredOneDropsThePeer() throws Exception {
    BrokerProcess broker = siege.start();
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null")) {
      for (int count = 0; count <= 253; count++) {
        if (count != 1) {
          expectDropped(broker, BadPeer.call(STORE, GOOD), fd, count);
        }
        if (count != 0) {
          expectDropped(broker, BadPeer.call("org.varlink.service.GetInfo", "{}"), fd, count);
        }
      }
      for (String index : new String[] {"1", "2", "-1", "31", "32", "4294967296"}) {
        for (int count : new int[] {0, 1, 2, 3}) {
          expectDropped(
              broker,
              BadPeer.call(STORE, "{\"name\":\"x\",\"fileDescriptorIndex\":" + index + "}"),
              fd,
              count);
        }
      }
      assertThat(broker.control("List", dev.holdfast.varlink.JsonObject.EMPTY).objects("stored"))
          .isEmpty();
    }
  }

  private static void expectDropped(BrokerProcess broker, byte[] frame, OwnedFd fd, int count)
      throws IOException {
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.send(frame, Collections.nCopies(count, fd));
      peer.expectDropped(
          count
              + " descriptors with "
              + new String(frame, java.nio.charset.StandardCharsets.UTF_8));
      assertThat(peer.descriptorsReceived()).isZero();
    }
  }

  @Test
  void descriptorsMayComeWithALaterByteOfTheFrameButOnlyOnce() throws Exception {
    BrokerProcess broker = siege.start();
    byte[] frame = BadPeer.call(STORE, GOOD);
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null")) {
      for (int length = 1; length < frame.length; length += 5) {
        try (BadPeer peer = BadPeer.connect(broker.socket())) {
          peer.send(Arrays.copyOf(frame, length));
          peer.send(Arrays.copyOfRange(frame, length, frame.length), List.of(fd));
          assertThat(peer.error()).isEqualTo("no error");
        }
        try (BadPeer peer = BadPeer.connect(broker.socket())) {
          peer.send(Arrays.copyOf(frame, length), List.of(fd));
          peer.send(Arrays.copyOfRange(frame, length, frame.length), List.of(fd));
          peer.expectDropped("one with each part");
        }
      }
    }
  }

  @Test
  void descriptorsWithoutACallAreClosedWithTheConnection() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"200ms\"");
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null")) {
      long before = broker.fdCount();
      for (int count : new int[] {1, 32, 253}) {
        try (BadPeer peer = BadPeer.connect(broker.socket())) {
          peer.send(new byte[] {0}, Collections.nCopies(count, fd));
          peer.expectDropped("an empty frame with descriptors");
        }
        try (BadPeer peer = BadPeer.connect(broker.socket())) {
          peer.send(new byte[] {'{'}, Collections.nCopies(count, fd));
          peer.expectDropped("half a frame with descriptors");
        }
      }
      // Many at once: what waits for the end of a frame must not use up the broker's descriptors.
      for (int i = 0; i < 100; i++) {
        siege
            .keep(BadPeer.connect(broker.socket()))
            .send(new byte[] {'{'}, Collections.nCopies(i % 2 == 0 ? 253 : 32, fd));
      }
      // A few connections may keep what a call can have; those that are too many are dropped.
      Await.until(() -> "a surplus that is closed", () -> broker.fdCount() < before + 250);
    }
  }

  @Test
  void aRefusedStoreLeavesNothingBehindAndTheConnectionGoesOn() throws Exception {
    BrokerProcess broker = siege.start("stored = 1");
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null");
        BadPeer peer = BadPeer.connect(broker.socket())) {
      String invalid = "org.varlink.service.InvalidParameter";
      for (int round = 0; round < 20; round++) {
        peer.send(BadPeer.call(STORE, "{\"name\":1,\"fileDescriptorIndex\":0}"), List.of(fd));
        assertThat(peer.error()).isEqualTo(invalid);
        peer.send(
            BadPeer.call(STORE, "{\"name\":\"../x\",\"fileDescriptorIndex\":0}"), List.of(fd));
        assertThat(peer.error()).isEqualTo(invalid);
        peer.send(BadPeer.call(STORE, "{\"name\":\"x\"}"), List.of(fd));
        assertThat(peer.error()).isEqualTo(invalid);
        peer.send(BadPeer.call(STORE, GOOD), List.of(fd));
        assertThat(peer.error()).isEqualTo("no error");
        peer.send(BadPeer.call(STORE, "{\"name\":\"y\",\"fileDescriptorIndex\":0}"), List.of(fd));
        assertThat(peer.error()).isEqualTo(WORKER + "LimitReached");
      }
      peer.send(
          BadPeer.frame(
              "{\"method\":\"" + STORE + "\",\"parameters\":" + GOOD + ",\"oneway\":true}"),
          List.of(fd));
      peer.expectDropped("descriptors with a call without a reply");
    }
  }

  @Test
  void aSocketThatLingersWhenItIsClosedHoldsUpNobody() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"200ms\"");
    long before = broker.fdCount();
    for (String how : new String[] {"wrong", "half", "unread", "stored", "many"}) {
      List<String> said = siege.run("0", broker, "linger.py", how);
      assertThat(said).as(how).containsExactly("done");
    }
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.send(BadPeer.call(WORKER + "Retrieve", "{\"name\":\"x\",\"remove\":true}"));
      assertThat(peer.error()).isEqualTo("no error");
    }
    // The neighbour's calls meanwhile are what this test is about; it measures them to its end.
    Await.until(() -> "descriptors that were lingered on", () -> broker.fdCount() <= before + 3);
  }

  @Test
  void tooManyDescriptorsInFlightAreTheSendersTrouble() throws Exception {
    BrokerProcess broker = siege.start();
    // Each of these lies in a queue until the broker reads; it must read or drop all of them.
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null")) {
      IntStream.range(0, 300)
          .forEach(
              round -> {
                try (BadPeer peer = BadPeer.connect(broker.socket())) {
                  for (int i = 0; i < 20; i++) {
                    peer.send(new byte[] {'{'}, Collections.nCopies(253, fd));
                  }
                } catch (IOException e) {
                  assertThat(e.getMessage()).containsAnyOf("Too many references", "TOOMANYREFS");
                }
              });
    }
  }
}
