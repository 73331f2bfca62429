package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Notification;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * One datagram of sd_notify(3). What it does not know, or cannot read, is ignored, as systemd
 * ignores it: programs say much that is meant for others.
 *
 * @param said what the state is told; empty when the datagram says nothing of that kind
 * @param mainProcess MAINPID=, or 0
 * @param store FDSTORE=1: the descriptors that came are to be kept
 * @param remove FDSTOREREMOVE=1: those of that name are to be dropped
 * @param name FDNAME=, or that of what has none
 * @param watched not FDPOLL=0: a stored descriptor is dropped when its other end is gone
 */
record NotifyMessage(
    Optional<Notification> said,
    int mainProcess,
    boolean store,
    boolean remove,
    String name,
    boolean watched) {

  /** More is cut off by none: such a datagram is ignored (systemd takes as much). */
  static final int MOST = 4096;

  static final String UNNAMED = "stored";

  /** FDNAME=, sd_pid_notify_with_fds(3): printable ASCII without ':'. */
  private static final Pattern NAME = Pattern.compile("[\\x20-\\x39\\x3b-\\x7e]{1,255}");

  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");
  private static final long LONGEST = Duration.ofDays(365).toMillis() * 1000;

  static NotifyMessage parse(byte[] datagram, int length) {
    Map<String, String> fields = new HashMap<>();
    for (String line : new String(datagram, 0, length, StandardCharsets.UTF_8).split("\n", -1)) {
      int equals = line.indexOf('=');
      if (equals > 0) {
        fields.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    String name = fields.getOrDefault("FDNAME", UNNAMED);
    return new NotifyMessage(
        said(fields),
        (int) number(fields, "MAINPID", Integer.MAX_VALUE).orElse(0L).longValue(),
        isOne(fields, "FDSTORE"),
        isOne(fields, "FDSTOREREMOVE"),
        NAME.matcher(name).matches() ? name : UNNAMED,
        !"0".equals(fields.get("FDPOLL")));
  }

  private static Optional<Notification> said(Map<String, String> fields) {
    String watchdog = fields.getOrDefault("WATCHDOG", "");
    String status = fields.get("STATUS");
    Notification said =
        new Notification(
            isOne(fields, "READY"),
            isOne(fields, "STOPPING"),
            watchdog.equals("1"),
            watchdog.equals("trigger"),
            status == null ? null : clean(status),
            number(fields, "EXTEND_TIMEOUT_USEC", LONGEST)
                .map(micros -> Duration.ofNanos(micros * 1000))
                .orElse(null));
    return said.equals(NOTHING) ? Optional.empty() : Optional.of(said);
  }

  private static final Notification NOTHING =
      new Notification(false, false, false, false, null, null);

  private static boolean isOne(Map<String, String> fields, String name) {
    return "1".equals(fields.get(name));
  }

  /** A positive number; none that is larger than the largest. */
  private static Optional<Long> number(Map<String, String> fields, String name, long largest) {
    String text = fields.get(name);
    if (text == null || !NUMBER.matcher(text).matches()) {
      return Optional.empty();
    }
    long value = Long.parseLong(text);
    return value == 0 || (name.equals("MAINPID") && value > largest)
        ? Optional.empty()
        : Optional.of(Math.min(value, largest));
  }

  private static String clean(String text) {
    return text.replaceAll("[\\x00-\\x1f\\x7f-\\x9f]", "?");
  }
}
