package dev.holdfast.broker;

import dev.holdfast.broker.core.Notice;
import dev.holdfast.broker.loop.Timed;
import dev.holdfast.fd.StandardError;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The log: one line for each decision, on standard error. Lines are gathered, and written a moment
 * later or when something is wrong, so that a hand-over does not wait for them; what nobody reads
 * is dropped and counted, since a log must not stop the broker. The loop's thread only.
 */
final class Log implements Timed {

  /** Lines kept while standard error is full. */
  private static final int MOST_WAITING = 1 << 18;

  private static final int FULL = 1 << 14;
  private static final Duration DELAY = Duration.ofMillis(20);

  private final StandardError out = new StandardError();
  private final Supplier<Instant> clock;
  private final boolean journal;
  private final List<Notice> notices = new ArrayList<>();
  private final StringBuilder waiting = new StringBuilder();
  private @Nullable Instant flushAt;
  private long lost;

  /**
   * A log.
   *
   * @param journal whether the reader is systemd's journal: then lines begin with a priority, and
   *     it adds the time
   */
  Log(boolean journal, Supplier<Instant> clock) {
    this.journal = journal;
    this.clock = clock;
  }

  void notice(Notice notice) {
    notices.add(notice);
    if (notice.kind().isWarning() || notices.size() >= 128) {
      flush();
    } else if (flushAt == null) {
      flushAt = notice.at().plus(DELAY);
    }
  }

  void line(String text) {
    flush();
    end(begin(6, clock.get()).append(clean(text)));
    flush();
  }

  @Override
  public Optional<Instant> nextDeadline() {
    return Optional.ofNullable(flushAt);
  }

  @Override
  public void expire(Instant now) {
    Instant at = flushAt;
    if (at != null && !at.isAfter(now)) {
      flush();
    }
  }

  private void format(Notice notice) {
    StringBuilder line = begin(notice.kind().isWarning() ? 4 : 6, notice.at());
    line.append("event=").append(notice.kind().word());
    String name = notice.name();
    if (name != null) {
      line.append(" name=").append(name);
    }
    String lease = notice.lease();
    if (lease != null) {
      line.append(" lease=").append(lease);
    }
    end(line.append(' ').append(clean(notice.message())));
  }

  private StringBuilder begin(int priority, Instant at) {
    StringBuilder line = new StringBuilder(160);
    return journal
        ? line.append('<').append(priority).append('>')
        : line.append(at.truncatedTo(ChronoUnit.MILLIS)).append(priority < 6 ? " warning " : " ");
  }

  /** What peers name must not forge lines. */
  private static String clean(String text) {
    if (text.chars().noneMatch(c -> c < ' ' || c == 0x7f)) {
      return text;
    }
    return text.replaceAll("[\\x00-\\x1f\\x7f]", "?");
  }

  private void end(StringBuilder line) {
    if (waiting.length() > MOST_WAITING) {
      lost++;
    } else {
      waiting.append(line).append('\n');
    }
  }

  /** Writes what waits, as far as that does not block; the rest is tried again. */
  void flush() {
    flushAt = null;
    for (Notice notice : notices) {
      format(notice);
      if (waiting.length() > FULL) {
        write();
      }
    }
    notices.clear();
    write();
    if (!waiting.isEmpty()) {
      flushAt = clock.get().plus(Duration.ofSeconds(1));
    }
  }

  private void write() {
    if (lost > 0 && waiting.length() < MOST_WAITING) {
      waiting
          .append("event=warning ")
          .append(lost)
          .append(" lines of this log were dropped: nobody read it\n");
      lost = 0;
    }
    byte[] bytes = waiting.toString().getBytes(StandardCharsets.UTF_8);
    int from = 0;
    while (from < bytes.length) {
      int length = Math.min(StandardError.MOST, bytes.length - from);
      if (!out.write(bytes, from, length)) {
        break;
      }
      from += length;
    }
    waiting.setLength(0);
    if (from < bytes.length) {
      waiting.append(new String(bytes, from, bytes.length - from, StandardCharsets.UTF_8));
    }
  }
}
