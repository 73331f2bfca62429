package dev.holdfast.broker.blackbox;

import dev.holdfast.agent.load.LostConnection;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;

/** Which connections a worker had accepted, by its own notes: {@code ADDRESS:PORT MICROSECONDS}. */
final class AcceptLog {
  /** Both clocks are the host's; a client's is read a little before its system call. */
  private static final long SLACK_MICROSECONDS = 5_000;

  private final Map<String, NavigableSet<Long>> moments = new HashMap<>();
  private long count;

  static AcceptLog read(Path file) throws IOException {
    AcceptLog log = new AcceptLog();
    if (Files.exists(file)) {
      String text = Files.readString(file);
      // A line is one write(2); the last may be cut by the kill all the same.
      for (String line : text.substring(0, text.lastIndexOf('\n') + 1).lines().toList()) {
        int space = line.indexOf(' ');
        log.moments
            .computeIfAbsent(line.substring(0, space), key -> new TreeSet<>())
            .add(Long.parseLong(line.substring(space + 1)));
        log.count++;
      }
    }
    return log;
  }

  long count() {
    return count;
  }

  /** Ports come again, so the moment must fit too. */
  boolean has(LostConnection lost) {
    InetSocketAddress local = lost.local();
    if (local == null) {
      return false;
    }
    NavigableSet<Long> known =
        moments.get(local.getAddress().getHostAddress() + ":" + local.getPort());
    if (known == null) {
      return false;
    }
    Long first = known.ceiling(micros(lost.began()) - SLACK_MICROSECONDS);
    return first != null && first <= micros(lost.ended()) + SLACK_MICROSECONDS;
  }

  private static long micros(Instant instant) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, instant);
  }
}
