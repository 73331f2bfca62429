package dev.holdfast.broker.workers;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Cuts what a program prints into lines, and those that are too long into pieces; a character is
 * not cut. Lines come without their end, and without control characters but the tab: they must not
 * forge lines of the log, nor talk to a terminal.
 */
final class OutputLines {

  /** Of one line of the log; PIPE_BUF bytes are written at once, with a prefix. */
  static final int LONGEST = 2048;

  private static final int LONGEST_CHARACTER = 4; // in UTF-8

  private byte[] line = new byte[128];
  private int length;

  /** Takes bytes, and gives the lines that they complete. */
  void take(byte[] bytes, int from, int to, Consumer<byte[]> lines) {
    for (int i = from; i < to; i++) {
      byte each = bytes[i];
      if (each == '\n') {
        end(lines);
        continue;
      }
      if (length == LONGEST) {
        cut(each, lines);
      }
      if (length == line.length) {
        line = Arrays.copyOf(line, Math.min(LONGEST, length * 2));
      }
      line[length++] = each;
    }
  }

  /** The line ends here, if one has begun or the program has ended it. */
  private void end(Consumer<byte[]> lines) {
    int end = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
    lines.accept(clean(Arrays.copyOf(line, end)));
    length = 0;
  }

  /** Nothing more comes: the last line may have no end. */
  void finish(Consumer<byte[]> lines) {
    if (length > 0) {
      end(lines);
    }
  }

  /** Gives what is there, up to the character that the next byte belongs to. */
  private void cut(byte next, Consumer<byte[]> lines) {
    int end = length;
    if (isContinuation(next)) {
      int start = length - 1;
      while (start > length - LONGEST_CHARACTER && isContinuation(line[start])) {
        start--;
      }
      end = (line[start] & 0xc0) == 0xc0 ? start : length;
    }
    lines.accept(clean(Arrays.copyOf(line, end)));
    System.arraycopy(line, end, line, 0, length - end);
    length -= end;
  }

  private static boolean isContinuation(byte each) {
    return (each & 0xc0) == 0x80;
  }

  private static byte[] clean(byte[] line) {
    for (byte each : line) {
      if ((each < ' ' && each != '\t') || each == 0x7f) { // not ASCII is negative
        return new String(line, StandardCharsets.UTF_8)
            .replaceAll("[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]", "?")
            .getBytes(StandardCharsets.UTF_8);
      }
    }
    return line;
  }
}
