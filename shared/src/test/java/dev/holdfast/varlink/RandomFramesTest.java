package dev.holdfast.varlink;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Run one seed again with {@code -Dholdfast.seed=N}, all the frames with {@code
 * -Dholdfast.proof=true}.
 */
class RandomFramesTest {
  private static final int FRAMES = Boolean.getBoolean("holdfast.proof") ? 1_000_000 : 20_000;
  private static final String[] OF_A_CALL = {"method", "parameters", "more", "oneway", "x"};
  private static final String[] OF_A_REPLY = {"parameters", "continues", "error", "x"};

  private final long seed = Long.getLong("holdfast.seed", System.nanoTime());
  private final Random random = new Random(seed);

  @Test
  void whatIsWrittenIsRead() throws IOException {
    for (int i = 0; i < FRAMES / 10; i++) {
      JsonObject object = object(4);
      assertThat(Json.parse(Json.bytes(object)))
          .as("seed %d, object %d", seed, i)
          .isEqualTo(object);
    }
  }

  @Test
  void noFrameEverThrowsAnythingElseThanARefusal() {
    System.out.println("random frames: " + FRAMES + ", holdfast.seed=" + seed);
    InterfaceDescription worker = InterfaceDescription.loadResource("dev.holdfast.Worker");
    IdlType.Struct in = worker.method("Acquire").orElseThrow().in();
    int refused = 0;
    int accepted = 0;
    FrameReader reader = new FrameReader(2000);
    for (int i = 0; i < FRAMES; i++) {
      byte[] bytes = frame();
      try {
        reader.feed(ByteBuffer.wrap(bytes));
        for (ByteBuffer frame = reader.next(); frame != null; frame = reader.next()) {
          readAsAnyone(frame, worker, in);
          accepted++;
        }
      } catch (ProtocolException | JsonException | VarlinkException e) {
        refused++;
        reader = new FrameReader(2000);
      } catch (RuntimeException | IOException | StackOverflowError e) {
        fail("seed " + seed + ", frame " + i + ": " + new String(bytes, UTF_8), e);
      }
    }
    assertThat(refused).as("seed %d, refused", seed).isGreaterThan(FRAMES / 4);
    assertThat(accepted).as("seed %d, accepted", seed).isGreaterThan(FRAMES / 40);
    System.out.println("random frames: " + refused + " refused, " + accepted + " accepted");
  }

  private static void readAsAnyone(ByteBuffer frame, InterfaceDescription worker, IdlType.Struct in)
      throws IOException, VarlinkException {
    JsonObject object = Json.parse(frame, Json.Limits.DEFAULT);
    if (!object.has("method")) {
      Reply reply = Reply.parse(object);
      assertThat(Reply.parse(reply.toJson())).isEqualTo(reply);
    } else {
      Call call = Call.parse(object);
      assertThat(Call.parse(call.toJson())).isEqualTo(call);
      assertThat(call.interfaceName() + "." + call.memberName()).isEqualTo(call.method());
      int declared = DeclaredDescriptors.count(call.parameters());
      assertThat(declared).isBetween(0, DeclaredDescriptors.MOST);
      worker.check(in, call.parameters());
    }
  }

  /** Noise, a frame, or a frame in which some bytes were changed, cut out or put in twice. */
  private byte[] frame() {
    if (random.nextInt(10) == 0) {
      byte[] noise = new byte[random.nextInt(200)];
      random.nextBytes(noise);
      return noise;
    }
    ByteSink sink = new ByteSink(64);
    Json.writeFrame(random.nextInt(4) == 0 ? object(3) : message(), sink);
    byte[] bytes = new byte[sink.length()];
    sink.view().get(bytes);
    for (int changes = random.nextInt(4); changes > 0; changes--) {
      bytes = changed(bytes);
    }
    return bytes;
  }

  private byte[] changed(byte[] bytes) {
    int at = random.nextInt(bytes.length);
    switch (random.nextInt(4)) {
      case 0 -> bytes[at] = (byte) random.nextInt(256);
      case 1 -> bytes[at] = (byte) "{}[]\",:\\u0-1e.tfn ".charAt(random.nextInt(18));
      case 2 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      default -> {
        int from = random.nextInt(bytes.length);
        byte[] longer = new byte[bytes.length + random.nextInt(20)];
        for (int i = 0; i < longer.length; i++) {
          longer[i] = bytes[i < at ? i : (from + i - at) % bytes.length];
        }
        return longer;
      }
    }
    return bytes;
  }

  private JsonObject message() {
    String[] names = random.nextBoolean() ? OF_A_CALL : OF_A_REPLY;
    JsonObject.Builder builder = JsonObject.builder();
    for (int i = 0; i < names.length; i++) {
      if (random.nextInt(i + 1) == 0) {
        builder.put(names[i], topLevelValue(names[i]));
      }
    }
    return builder.build();
  }

  private Object topLevelValue(String name) {
    if (random.nextInt(8) == 0) {
      return value(2);
    }
    return switch (name) {
      case "method", "error" -> random.nextBoolean() ? "a.b.C" : string();
      case "parameters" -> random.nextBoolean() ? parameters() : object(3);
      default -> random.nextBoolean();
    };
  }

  private JsonObject parameters() {
    List<Object> listeners = new ArrayList<>();
    List<JsonObject> sockets = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      listeners.add(random.nextInt(9) == 0 ? value(1) : string());
      sockets.add(JsonObject.of("fileDescriptorIndex", random.nextInt(4)));
    }
    return random.nextBoolean()
        ? JsonObject.of("listeners", listeners, "sockets", sockets)
        : JsonObject.of("listeners", listeners, "replace", true, "hold", "process");
  }

  private JsonObject object(int depth) {
    JsonObject.Builder builder = JsonObject.builder();
    for (int i = random.nextInt(5); i > 0; i--) {
      builder.put(i + string(), value(depth - 1));
    }
    return builder.build();
  }

  private Object value(int depth) {
    return switch (random.nextInt(depth > 0 ? 7 : 5)) {
      case 0 -> string();
      case 1 -> random.nextLong() >> random.nextInt(64);
      case 2 -> finite();
      case 3 -> random.nextBoolean();
      case 4 -> "";
      case 5 -> object(depth);
      default -> {
        List<Object> list = new ArrayList<>();
        for (int i = random.nextInt(4); i > 0; i--) {
          list.add(random.nextInt(5) == 0 ? List.of() : value(depth - 1));
        }
        yield list;
      }
    };
  }

  private double finite() {
    double number = Double.longBitsToDouble(random.nextLong());
    return Double.isFinite(number) ? number : random.nextGaussian();
  }

  private String string() {
    StringBuilder string = new StringBuilder();
    for (int i = random.nextInt(12); i > 0; i--) {
      int bits = random.nextInt(4) == 0 ? random.nextInt(0x110000) : random.nextInt(0x80);
      string.appendCodePoint(bits >= 0xd800 && bits <= 0xdfff ? 0x20ac : bits);
    }
    return string.toString();
  }
}
