package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Frames at random: calls as they should be, and the same with something changed. A million in the
 * proof (-Dholdfast.proof=true), some thousands otherwise. Repeat one with -Dholdfast.seed=NUMBER.
 */
@Timeout(3600)
class RandomCallsIT {

  private static final List<String> TEMPLATES =
      List.of(
          "{\"method\":\"org.varlink.service.GetInfo\"}",
          "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"dev.holdfast.Worker\"}}",
          "{\"method\":\"" + WORKER + "Acquire\",\"parameters\":{\"listeners\":[\"web\"]}}",
          "{\"method\":\""
              + WORKER
              + "Acquire\",\"parameters\":{\"listeners\":[\"a\",\"web\"],\"hold\":\"connection\",\"service\":\"s\",\"replace\":true}}",
          "{\"method\":\"" + WORKER + "Ready\",\"parameters\":{\"lease\":\"%lease\"}}",
          "{\"method\":\"" + WORKER + "Release\",\"parameters\":{\"lease\":\"%lease\"}}",
          "{\"method\":\""
              + WORKER
              + "Await\",\"parameters\":{\"lease\":\"%lease\"},\"more\":true}",
          "{\"method\":\"" + WORKER + "Await\",\"parameters\":{\"lease\":\"%lease\"}}",
          "{\"method\":\""
              + WORKER
              + "Store\",\"parameters\":{\"name\":\"s%d\",\"fileDescriptorIndex\":0}}",
          "{\"method\":\""
              + WORKER
              + "Retrieve\",\"parameters\":{\"name\":\"s%d\",\"remove\":true}}",
          "{\"method\":\""
              + CONTROL
              + "Listen\",\"parameters\":{\"name\":\"a\",\"spec\":\"127.0.0.1:0W\",\"backlog\":7,\"blocking\":true,\"idle\":\"refuse\",\"companion\":true,\"allow\":[\"uid:1\"]}}",
          "{\"method\":\""
              + CONTROL
              + "Listen\",\"parameters\":{\"name\":\"b%d\",\"spec\":\"unix:@hf-random-%d\"}}",
          "{\"method\":\"" + CONTROL + "Listen\",\"parameters\":{\"name\":\"a\",\"spec\":\"0\"}}",
          "{\"method\":\"" + CONTROL + "Close\",\"parameters\":{\"name\":\"a\"}}",
          "{\"method\":\"" + CONTROL + "Close\",\"parameters\":{\"name\":\"b%d\"}}",
          "{\"method\":\"" + CONTROL + "List\"}",
          "{\"method\":\"" + CONTROL + "List\",\"more\":true}",
          "{\"method\":\"" + CONTROL + "Watch\",\"more\":true}",
          "{\"method\":\""
              + CONTROL
              + "Drain\",\"parameters\":{\"lease\":\"%lease\",\"deadlineUsec\":\"1\"}}",
          "{\"method\":\"" + CONTROL + "Reload\"}",
          "{\"method\":\"" + CONTROL + "Status\"}");

  private static final List<String> PIECES =
      List.of(
          "{",
          "}",
          "[",
          "]",
          "\"",
          ":",
          ",",
          "\\",
          "\\u0000",
          "\\ud800",
          "null",
          "true",
          "-1",
          "1e400",
          "9223372036854775808",
          "\0",
          "\0{",
          "\"method\":\"a.B\"",
          "\"oneway\":true,",
          "\"upgrade\":true,",
          "\u00e9",
          "\ud83d\ude00",
          "\n",
          " ",
          "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");

  @RegisterExtension final Siege siege = new Siege();

  private final long seed = Long.getLong("holdfast.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final Set<String> leases = new HashSet<>();
  private String lease = "x";

  @Test
  void noFrameStopsTheBroker() throws Exception {
    int frames = Boolean.getBoolean("holdfast.proof") ? 1_000_000 : 20_000;
    System.out.println("random calls: seed " + seed);
    BrokerProcess broker = siege.start("frame-time = \"2s\"", "stored = 20");
    int pid = broker.pid();
    try (OwnedFd fd = OwnedFd.openForReading("/dev/null")) {
      int sent = 0;
      while (sent < frames) {
        sent += converse(broker, fd);
        if (leases.size() > 500) {
          for (String each : leases) {
            end(broker, each);
          }
          leases.clear();
        }
      }
    }
    assertThat(BrokerProcess.pidBehind(broker.socket())).as("seed %s", seed).isEqualTo(pid);
    for (JsonObject left : broker.leases()) {
      end(broker, left.string("lease"));
    }
    assertThat(broker.stderr().stream().filter(line -> line.contains("internal error")))
        .as("seed %s", seed)
        .isEmpty();
  }

  /** A lease of this process would live as long as it. */
  private static void end(BrokerProcess broker, String lease) throws IOException {
    try {
      broker.control("Drain", JsonObject.of("lease", lease, "deadlineUsec", "1"));
    } catch (VarlinkException e) {
      assertThat(e.error()).isEqualTo(CONTROL + "NoSuchLease");
    }
  }

  private void granted(String id) {
    leases.add(id);
  }

  /** Some calls on one connection; returns how many. */
  private int converse(BrokerProcess broker, OwnedFd fd) throws IOException {
    int sent = 0;
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      boolean going = true;
      while (going && random.nextInt(40) != 0) {
        byte[] frame = next();
        int descriptors =
            random.nextInt(20) == 0
                ? random.nextInt(5)
                : new String(frame, UTF_8).contains("Store") ? 1 : 0;
        peer.send(frame, Collections.nCopies(descriptors, fd));
        sent++;
        going = answered(peer, frame);
      }
    }
    return Math.max(1, sent);
  }

  /** Reads the reply if there must be one; false when this connection is of no more use. */
  private boolean answered(BadPeer peer, byte[] frame) throws IOException {
    String text = new String(frame, UTF_8);
    boolean mayStaySilent =
        text.contains("oneway") || text.contains("more") || text.indexOf('\0') != text.length() - 1;
    if (mayStaySilent) {
      // Hang up on it at any moment, sometimes after a look at what came.
      if (random.nextBoolean()) {
        boolean unused = peer.hears(Duration.ofMillis(2));
      }
      return false;
    }
    JsonObject reply = peer.reply().orElse(null);
    if (reply != null && !reply.has("error") && reply.has("parameters")) {
      reply
          .object("parameters")
          .optionalString("lease")
          .ifPresent(
              granted -> {
                lease = granted;
                granted(granted);
              });
    }
    return reply != null;
  }

  private byte[] next() {
    String text =
        TEMPLATES
            .get(random.nextInt(TEMPLATES.size()))
            .replace("%lease", random.nextInt(10) == 0 ? "x" : lease)
            .replace("%d", String.valueOf(random.nextInt(8)));
    byte[] frame = BadPeer.frame(text);
    int changes = random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      frame = changed(frame);
    }
    return frame;
  }

  private byte[] changed(byte[] frame) {
    int at = random.nextInt(frame.length);
    switch (random.nextInt(7)) {
      case 0 -> frame[at] = (byte) random.nextInt(256);
      case 1 -> frame[at] ^= (byte) (1 << random.nextInt(8));
      case 2 -> {
        int end = at + random.nextInt(frame.length - at + 1);
        return joined(Arrays.copyOf(frame, at), Arrays.copyOfRange(frame, end, frame.length));
      }
      case 3 -> {
        byte[] piece = PIECES.get(random.nextInt(PIECES.size())).getBytes(UTF_8);
        return joined(
            joined(Arrays.copyOf(frame, at), piece), Arrays.copyOfRange(frame, at, frame.length));
      }
      case 4 -> {
        int end = at + random.nextInt(frame.length - at + 1);
        byte[] part = Arrays.copyOfRange(frame, at, end);
        return joined(
            Arrays.copyOf(frame, end),
            Arrays.copyOfRange(joined(part, frame), 0, part.length + frame.length - at));
      }
      case 5 -> {
        byte[] other = BadPeer.frame(TEMPLATES.get(random.nextInt(TEMPLATES.size())));
        return joined(
            Arrays.copyOf(frame, at),
            Arrays.copyOfRange(other, Math.min(at, other.length), other.length));
      }
      default -> {
        String text = new String(frame, UTF_8);
        return text.replace("true", String.valueOf(random.nextInt())).getBytes(UTF_8);
      }
    }
    return frame;
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both.length == 0 ? new byte[1] : both;
  }
}
