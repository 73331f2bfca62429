package dev.holdfast.varlink;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FrameReaderTest {

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(UTF_8));
  }

  private static List<String> frames(FrameReader reader) throws ProtocolException {
    List<String> frames = new ArrayList<>();
    for (ByteBuffer frame = reader.next(); frame != null; frame = reader.next()) {
      frames.add(UTF_8.decode(frame).toString());
    }
    return frames;
  }

  @Test
  void framesMayBeCutAtEveryByte() throws ProtocolException {
    String stream = "{\"a\":1}\0{}\0\0{\"b\":\"é\"}\0";
    byte[] whole = stream.getBytes(UTF_8);
    for (int first = 0; first <= whole.length; first++) {
      for (int second = first; second <= whole.length; second++) {
        FrameReader reader = new FrameReader(10);
        List<String> frames = new ArrayList<>();
        int from = 0;
        for (int to : new int[] {first, second, whole.length}) {
          reader.feed(ByteBuffer.wrap(whole, from, to - from));
          frames.addAll(frames(reader));
          from = to;
        }
        assertThat(frames).containsExactly("{\"a\":1}", "{}", "", "{\"b\":\"é\"}");
        assertThat(reader.waiting()).isZero();
      }
    }
  }

  @Test
  void tellsWhatWaitsBehindAFrame() throws ProtocolException {
    FrameReader reader = new FrameReader(100);
    reader.feed(bytes("ab"));
    assertThat(reader.next()).isNull();
    assertThat(reader.waiting()).isEqualTo(2);
    reader.feed(bytes("c\0de"));
    assertThat(UTF_8.decode(reader.next()).toString()).isEqualTo("abc");
    assertThat(reader.waiting()).isEqualTo(2);
    reader.feed(bytes("\0"));
    assertThat(frames(reader)).containsExactly("de");
    assertThat(reader.waiting()).isZero();
  }

  @Test
  void refusesAFrameAtItsFirstByteTooMany() throws ProtocolException {
    FrameReader reader = new FrameReader(4);
    reader.feed(bytes("1234\0"));
    assertThat(frames(reader)).containsExactly("1234");
    reader.feed(bytes("12"));
    reader.feed(bytes("34"));
    assertThat(frames(reader)).isEmpty();
    assertThatThrownBy(() -> reader.feed(bytes("5")))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("a frame of more than 4 bytes, which is the limit");
    assertThat(reader.waiting()).isEqualTo(4);
    assertThatThrownBy(() -> new FrameReader(4).feed(bytes("12345\0")))
        .isInstanceOf(ProtocolException.class);
  }

  @Test
  void refusesALongFrameBehindAShortOneWhenItIsNext() throws ProtocolException {
    FrameReader reader = new FrameReader(4);
    reader.feed(bytes("1\0" + "12345\0"));
    assertThat(UTF_8.decode(reader.next()).toString()).isEqualTo("1");
    assertThatThrownBy(reader::next).isInstanceOf(ProtocolException.class);
  }

  @Test
  void takesAnotherLimitBetweenFrames() throws ProtocolException {
    FrameReader reader = new FrameReader(4);
    reader.feed(bytes("1\0" + "12345\0"));
    assertThat(UTF_8.decode(reader.next()).toString()).isEqualTo("1");
    reader.limit(5);
    assertThat(frames(reader)).containsExactly("12345");
    reader.limit(3);
    assertThatThrownBy(() -> reader.feed(bytes("1234"))).isInstanceOf(ProtocolException.class);
  }

  @Test
  void takesLargeFramesAndGoesBackToSmallOnes() throws ProtocolException {
    FrameReader reader = new FrameReader(1 << 20);
    String large = "x".repeat(1 << 20);
    for (int i = 0; i < 3; i++) {
      reader.feed(bytes(large.substring(5)));
      reader.feed(bytes(large.substring(0, 5) + "\0s"));
      assertThat(frames(reader)).containsExactly(large);
      reader.feed(bytes("mall\0"));
      assertThat(frames(reader)).containsExactly("small");
    }
  }
}
