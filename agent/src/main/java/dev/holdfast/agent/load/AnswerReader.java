package dev.holdfast.agent.load;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Takes the bytes of an answer as they come and judges them. Keeps the start, counts the rest. */
abstract sealed class AnswerReader permits HttpAnswer, LineAnswer, AnyAnswer {
  static final int KEPT = 8192;

  private final byte[] start = new byte[KEPT];
  private int kept;
  private long total;
  private byte last;

  /** Makes it ready for the next connection. */
  void clear() {
    kept = 0;
    total = 0;
    last = 0;
  }

  /** Takes all that remains in the buffer. */
  void take(ByteBuffer bytes) {
    if (!bytes.hasRemaining()) {
      return;
    }
    total += bytes.remaining();
    last = bytes.get(bytes.limit() - 1);
    int fitting = Math.min(bytes.remaining(), KEPT - kept);
    bytes.get(start, kept, fitting);
    kept += fitting;
    bytes.position(bytes.limit());
  }

  /** Whether the answer itself says that nothing more belongs to it. */
  abstract boolean isComplete();

  /** Whether the connection may end in order without a byte of an answer. */
  boolean mayBeEmpty() {
    return false;
  }

  /** Whether the server, having answered, waits for another request on the connection. */
  boolean leavesOpen() {
    return false;
  }

  /** What is wrong with the answer, if nothing more comes. */
  abstract Optional<String> fault();

  abstract String head();

  abstract String body();

  final boolean isEmpty() {
    return total == 0;
  }

  final long total() {
    return total;
  }

  final int kept() {
    return kept;
  }

  final byte at(int index) {
    return start[index];
  }

  final byte last() {
    return last;
  }

  final String text(int from, int to) {
    return new String(start, from, to - from, StandardCharsets.ISO_8859_1);
  }
}
