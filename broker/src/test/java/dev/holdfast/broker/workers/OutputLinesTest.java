package dev.holdfast.broker.workers;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OutputLinesTest {

  private final OutputLines lines = new OutputLines();
  private final List<String> got = new ArrayList<>();

  private void take(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < bytes.length; i++) { // however the pipe cuts it
      lines.take(bytes, i, i + 1, this::got);
    }
  }

  private void got(byte[] line) {
    assertThat(line.length).isLessThanOrEqualTo(OutputLines.LONGEST);
    got.add(new String(line, StandardCharsets.UTF_8));
  }

  @Test
  void givesALineWhenItIsComplete() {
    take("one\r\n\nthr");
    assertThat(got).containsExactly("one", "");

    lines.finish(this::got);
    assertThat(got).containsExactly("one", "", "thr");
  }

  @Test
  void keepsTabsAndWhatIsNotAsciiAndNoControlCharacter() {
    take("\tat \u00e4\u20ac\ud83d\ude00\u0000\u001b[2J\u007f\u009b1m\n");

    assertThat(got).containsExactly("\tat \u00e4\u20ac\ud83d\ude00??[2J??1m");
  }

  @Test
  void cutsALongLineBetweenCharacters() {
    String text = "x" + "\u20ac".repeat(2000);
    take(text + "\n");

    assertThat(got).hasSizeGreaterThan(2);
    assertThat(String.join("", got)).isEqualTo(text);
  }

  @Test
  void survivesWhatIsNoText() {
    byte[] junk = new byte[3 * OutputLines.LONGEST];
    java.util.Arrays.fill(junk, (byte) 0x80);
    lines.take(junk, 0, junk.length, line -> got.add(""));
    lines.finish(line -> got.add(""));

    assertThat(got).hasSize(3);
  }

  @Test
  void keepsTheLastLinesOnly() {
    LastLines last = new LastLines();
    for (int i = 0; i < 100; i++) {
      last.add(Integer.toString(i).getBytes(StandardCharsets.UTF_8));
    }
    assertThat(last.text()).startsWith("80\n81\n").endsWith("\n99");

    last.add(new byte[2000]);
    last.add(new byte[2000]);
    last.add("end".getBytes(StandardCharsets.UTF_8));
    assertThat(last.text()).hasSizeLessThanOrEqualTo(LastLines.MOST_BYTES).endsWith("\nend");
  }
}
