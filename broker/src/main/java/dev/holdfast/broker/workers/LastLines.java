package dev.holdfast.broker.workers;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

/** The last lines that a worker printed: what says best why it ended. */
final class LastLines {

  static final int MOST_LINES = 20;
  static final int MOST_BYTES = 4096;

  private final Deque<byte[]> lines = new ArrayDeque<>();
  private int bytes;

  void add(byte[] line) {
    lines.add(line);
    bytes += line.length + 1;
    while (lines.size() > MOST_LINES || bytes > MOST_BYTES) {
      bytes -= lines.remove().length + 1;
    }
  }

  /** The lines, each with its end but the last; empty when there are none. */
  String text() {
    StringBuilder text = new StringBuilder(bytes);
    for (Iterator<byte[]> each = lines.iterator(); each.hasNext(); ) {
      text.append(new String(each.next(), StandardCharsets.UTF_8))
          .append(each.hasNext() ? "\n" : "");
    }
    return text.toString();
  }
}
