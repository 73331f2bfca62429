package dev.holdfast.broker.workers;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;

/**
 * The lines of workers on their way to standard error, in the form of the broker's own log. What
 * nobody reads is dropped and counted: neither a worker nor the broker may wait for ever for a
 * reader that is not there. The thread {@code broker-output} only.
 */
final class OutputLog {

  /** Bytes kept while standard error is full; then workers wait, and in the end lines are lost. */
  private static final int MOST_WAITING = 1 << 18;

  /** After this long without a reader lines are dropped. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final OutputSink sink;
  private final boolean journal;
  private final Supplier<Instant> clock;
  private final Deque<byte[]> full = new ArrayDeque<>();
  private final ByteArrayOutputStream filling = new ByteArrayOutputStream(OutputSink.MOST);
  private int waiting;
  private long lost;
  private long stuckSince; // System.nanoTime
  private boolean stuck;
  private String time = "";

  OutputLog(OutputSink sink, boolean journal, Supplier<Instant> clock) {
    this.sink = sink;
    this.journal = journal;
    this.clock = clock;
  }

  /** The lines to come have this time. */
  void now() {
    time = journal ? "" : clock.get().truncatedTo(ChronoUnit.MILLIS).toString();
  }

  /** Adds a line of at most {@link OutputLines#LONGEST} bytes, or drops it. */
  void line(byte[] prefix, byte[] text) {
    if (isFull()) {
      lost++;
    } else {
      if (lost > 0) {
        byte[] report =
            (lost + " lines of workers were dropped: nobody read this log")
                .getBytes(StandardCharsets.UTF_8);
        lost = 0;
        append(begin(4, " warning event=warning "), new byte[0], report);
      }
      append(begin(6, " "), prefix, text);
    }
  }

  private byte[] begin(int priority, String afterTime) {
    String warning = priority < 6 ? "event=warning " : "";
    return (journal ? "<" + priority + ">" + warning : time + afterTime)
        .getBytes(StandardCharsets.UTF_8);
  }

  private void append(byte[] begin, byte[] prefix, byte[] text) {
    int length = begin.length + prefix.length + text.length + 1;
    if (filling.size() + length > OutputSink.MOST) {
      full.add(filling.toByteArray());
      filling.reset();
    }
    filling.writeBytes(begin);
    filling.writeBytes(prefix);
    filling.writeBytes(text);
    filling.write('\n');
    waiting += length;
  }

  /** Whether what comes now would be lost, or has to wait. */
  boolean isFull() {
    return waiting >= MOST_WAITING;
  }

  boolean isEmpty() {
    return waiting == 0;
  }

  /** Whether it is time to lose lines: the reader has not read for long. */
  boolean isGivenUp() {
    return stuck && System.nanoTime() - stuckSince > PATIENCE.toNanos();
  }

  /** Writes what waits, as far as that does not block. */
  void flush() {
    if (filling.size() > 0) {
      full.add(filling.toByteArray());
      filling.reset();
    }
    for (byte[] chunk = full.peek(); chunk != null; chunk = full.peek()) {
      if (!sink.write(chunk, 0, chunk.length)) {
        if (!stuck) {
          stuck = true;
          stuckSince = System.nanoTime();
        }
        return;
      }
      stuck = false;
      full.remove();
      waiting -= chunk.length;
    }
  }
}
