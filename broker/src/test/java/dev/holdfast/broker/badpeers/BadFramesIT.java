package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static dev.holdfast.broker.badpeers.Siege.NOBODY;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.varlink.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Frames that end, and are no calls, or come when none may. */
@Timeout(180)
class BadFramesIT {

  private static final String INFO = "{\"method\":\"org.varlink.service.GetInfo\"}";

  @RegisterExtension final Siege siege = new Siege();

  @Test
  void whatIsNoCallEndsItsConnectionWithoutAWord() throws Exception {
    BrokerProcess broker = siege.start();
    for (String text : notCalls()) {
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        peer.say(text);
        peer.expectDropped(text.substring(0, Math.min(80, text.length())));
      }
    }
  }

  private static List<String> notCalls() {
    List<String> texts = new ArrayList<>();
    texts.addAll(
        List.of(
            "",
            " ",
            "null",
            "1",
            "[]",
            "\"x\"",
            "{",
            "{}",
            "{}}",
            INFO + INFO,
            INFO + " x",
            "{\"method\":1}",
            "{\"method\":null}",
            "{\"method\":\"\"}",
            "{\"method\":\"x\"}",
            "{\"method\":\"x.\"}",
            "{\"method\":\".x\"}",
            "{\"method\":\"a.B\",\"parameters\":[]}",
            "{\"method\":\"a.B\",\"parameters\":1}",
            "{\"method\":\"a.B\",\"more\":1}",
            "{\"method\":\"a.B\",\"more\":\"true\"}",
            "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}",
            "{\"method\":\"a.B\",\"more\":true,\"upgrade\":true}",
            "{\"method\":\"a.B\",\"id\":1}",
            "{\"method\":\"a.B\",\"jsonrpc\":\"2.0\"}",
            "{\"method\":\"a.B\",\"method\":\"a.B\"}",
            "{\"method\":\"a.B\",\"meth\\u006fd\":\"a.B\"}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":1,\"x\":1}}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":{\"y\":[{\"z\":1,\"z\":2}]}}}",
            "{'method':'a.B'}",
            "{\"method\":\"a.B\",}",
            "{\"method\":\"a.B\"/**/}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":01}}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":NaN}}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":1e999}}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\\ud800\"}}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\\x\"}}",
            "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\n\"}}"));
    for (int depth : new int[] {33, 1000, 100_000}) {
      texts.add("{\"method\":\"a.B\",\"parameters\":{\"x\":" + "[".repeat(depth));
      texts.add(
          "{\"method\":\"a.B\",\"parameters\":{\"x\":"
              + "[".repeat(depth)
              + "]".repeat(depth)
              + "}}");
      texts.add(
          "{\"method\":\"a.B\",\"parameters\":"
              + "{\"x\":".repeat(depth)
              + "1"
              + "}".repeat(depth)
              + "}");
    }
    return texts;
  }

  @Test
  void whatIsNotUtf8EndsItsConnection() throws Exception {
    BrokerProcess broker = siege.start();
    int[][] wrong = {
      {0xff}, {0xc0, 0x80}, {0xc1, 0xbf}, {0xe0, 0x80, 0x80}, {0xed, 0xa0, 0x80}, {0xf5, 0x80},
      {0xf4, 0x90, 0x80, 0x80}, {0xc3}, {0xe2, 0x82}, {0xf0, 0x9f, 0x98}, {0x80}, {0xc3, 0xc3}
    };
    for (int[] bytes : wrong) {
      byte[] head = "{\"method\":\"a.B\",\"parameters\":{\"x\":\"".getBytes(StandardCharsets.UTF_8);
      byte[] frame = Arrays.copyOf(head, head.length + bytes.length + 4);
      for (int i = 0; i < bytes.length; i++) {
        frame[head.length + i] = (byte) bytes[i];
      }
      byte[] tail = "\"}}".getBytes(StandardCharsets.UTF_8);
      System.arraycopy(tail, 0, frame, head.length + bytes.length, tail.length);
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        peer.send(frame).expectDropped(Arrays.toString(bytes));
      }
    }
  }

  @Test
  void aFrameHasOneMebibyteAndNotAByteMore() throws Exception {
    BrokerProcess broker = siege.start();
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      assertThat(peer.send(padded(1 << 20)).reply().orElseThrow().has("error")).isFalse();
      peer.send(padded((1 << 20) + 1)).expectDropped("1 MiB + 1");
    }
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      byte[] endless = new byte[4 << 20];
      Arrays.fill(endless, (byte) ' ');
      peer.send(endless).expectDropped("4 MiB without an end");
    }
  }

  private static byte[] padded(int length) {
    byte[] frame = new byte[length + 1];
    Arrays.fill(frame, (byte) ' ');
    byte[] info = INFO.getBytes(StandardCharsets.UTF_8);
    System.arraycopy(info, 0, frame, 0, info.length);
    frame[length] = 0;
    return frame;
  }

  @Test
  void aFrameOfAPeerWithoutRightsHasSixtyFourKibibytes() throws Exception {
    BrokerProcess broker = siege.start();
    List<String> said =
        siege.run(
            NOBODY,
            broker,
            "calls.py",
            "pad 65536 org.varlink.service.GetInfo",
            "pad 65537 org.varlink.service.GetInfo",
            "pad 1048577 org.varlink.service.GetInfo",
            INFO);
    assertThat(said.get(0)).contains("Holdfast");
    assertThat(said.get(1)).isEqualTo("EOF");
    assertThat(said.get(2)).isEqualTo("EOF");
    assertThat(said.get(3)).contains("Holdfast");
  }

  @Test
  void aPeerThatDoesNotWaitForItsAnswerIsDropped() throws Exception {
    BrokerProcess broker = siege.start();
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.say(INFO + "\0" + INFO).expectDropped("two calls at once");
    }
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.say(INFO + "\0{").expectDropped("a call and a part of the next");
    }
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.say("{\"method\":\"" + CONTROL + "Watch\",\"more\":true}");
      assertThat(peer.reply()).isPresent();
      peer.say(INFO);
      Optional<JsonObject> event = peer.reply();
      while (event.isPresent()) { // events of the others, until it is dropped
        assertThat(event.get().object("parameters").has("event")).isTrue();
        event = peer.reply();
      }
    }
  }

  @Test
  void aCallBehindOnesWithoutAReplyGetsItsOwnAnswer() throws Exception {
    BrokerProcess broker = siege.start();
    for (int oneways = 1; oneways < 100; oneways += 7) {
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        String frames =
            ("{\"method\":\"" + CONTROL + "List\",\"oneway\":true}\0").repeat(oneways)
                + "{\"method\":\"a.B\",\"oneway\":true}\0".repeat(oneways);
        peer.say(
            frames + "{\"method\":\"" + WORKER + "Release\",\"parameters\":{\"lease\":\"x\"}}");
        assertThat(peer.error()).isEqualTo(WORKER + "NoSuchLease");
        peer.expectWorks();
      }
    }
  }

  @Test
  void whatIsAskedForWithoutAReplyIsNotGranted() throws Exception {
    BrokerProcess broker = siege.start();
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.say(
          "{\"method\":\""
              + WORKER
              + "Acquire\",\"parameters\":{\"listeners\":[\"web\"],\"service\":\"lost\"},\"oneway\":true}");
      peer.expectWorks();
      assertThat(peer.descriptorsReceived()).isZero();
      assertThat(broker.leases().toString()).doesNotContain("lost");
    }
  }

  @Test
  void aWrongCallGetsItsNamedErrorAndTheConnectionGoesOn() throws Exception {
    BrokerProcess broker = siege.start();
    String invalid = "org.varlink.service.InvalidParameter";
    String[][] calls = {
      {"a.B", "{}", "org.varlink.service.InterfaceNotFound"},
      {WORKER + "Nothing", "{}", "org.varlink.service.MethodNotFound"},
      {WORKER + "Acquire", "{}", invalid},
      {WORKER + "Acquire", "{\"listeners\":[]}", invalid},
      {WORKER + "Acquire", "{\"listeners\":[\"web\",\"web\"]}", invalid},
      {WORKER + "Acquire", "{\"listeners\":[\"../web\"]}", invalid},
      {WORKER + "Acquire", "{\"listeners\":[\"web\"],\"hold\":\"ever\"}", invalid},
      {WORKER + "Acquire", "{\"listeners\":[\"web\"],\"replace\":true}", invalid},
      {WORKER + "Acquire", "{\"listeners\":[\"web\"],\"service\":\"\"}", invalid},
      {
        WORKER + "Acquire",
        "{\"listeners\":[\"web\"],\"service\":\"" + "s".repeat(100_000) + "\"}",
        invalid
      },
      {WORKER + "Acquire", "{\"listeners\":[\"web\"],\"x\":1}", invalid},
      {WORKER + "Acquire", "{\"listeners\":[\"no\"]}", WORKER + "NoSuchListener"},
      {WORKER + "Ready", "{\"lease\":\"\"}", invalid},
      {WORKER + "Ready", "{\"lease\":\"x\"}", WORKER + "NoSuchLease"},
      {WORKER + "Await", "{\"lease\":\"x\"}", WORKER + "NoSuchLease"},
      {WORKER + "Retrieve", "{\"name\":\"" + "n".repeat(100_000) + "\"}", invalid},
      {WORKER + "Retrieve", "{\"name\":\"x\"}", WORKER + "NoSuchDescriptor"},
      {CONTROL + "Watch", "{}", "org.varlink.service.ExpectedMore"},
      {CONTROL + "Close", "{\"name\":\"no\"}", CONTROL + "NoSuchListener"},
      {CONTROL + "Drain", "{\"lease\":\"x\",\"deadlineUsec\":\"soon\"}", invalid},
      {
        CONTROL + "Drain",
        "{\"lease\":\"x\",\"deadlineUsec\":\"" + Long.MAX_VALUE + "\"}",
        CONTROL + "NoSuchLease"
      },
      {CONTROL + "Listen", "{\"name\":\"x\",\"spec\":\"nonsense::\"}", CONTROL + "InvalidSpec"},
      {CONTROL + "Listen", "{\"name\":\"x\",\"spec\":\"1\",\"backlog\":0}", invalid},
      {CONTROL + "Listen", "{\"name\":\"x\",\"spec\":\"1\",\"allow\":[\"x\"]}", invalid},
      {
        CONTROL + "Listen",
        "{\"name\":\"x\",\"spec\":\"1\",\"allow\":[\"user:nobody-here\"]}",
        invalid
      },
    };
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      for (String[] call : calls) {
        peer.send(BadPeer.call(call[0], call[1]));
        assertThat(peer.error()).as(call[0] + call[1]).isEqualTo(call[2]);
      }
      peer.say("{\"method\":\"org.varlink.service.GetInfo\",\"upgrade\":true}");
      assertThat(peer.error()).isEqualTo("org.varlink.service.MethodNotImplemented");
      peer.expectWorks();
    }
  }
}
