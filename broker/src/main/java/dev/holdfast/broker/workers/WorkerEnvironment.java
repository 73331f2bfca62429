package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.WorkerOrder;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The environment of a worker: the broker's own without what was meant for the broker alone, then
 * the account's, then what is configured, then what its sockets need. Bytes, since values need not
 * be text. LISTEN_PID is missing: only the process itself can know it.
 */
final class WorkerEnvironment {

  /** What a supervisor told the broker; a worker that believed it would speak for the broker. */
  private static final Set<String> OF_THE_BROKER =
      Set.of(
          "NOTIFY_SOCKET",
          "LISTEN_FDS",
          "LISTEN_PID",
          "LISTEN_PIDFDID",
          "LISTEN_FDNAMES",
          "WATCHDOG_USEC",
          "WATCHDOG_PID",
          "JOURNAL_STREAM",
          "INVOCATION_ID",
          "MANAGERPID",
          "MANAGERPIDFDID",
          "SYSTEMD_EXEC_PID",
          "HOLDFAST_LEASE",
          "HOLDFAST_SOCKET",
          "HOLDFAST_JAVA_OPTS");

  /** Others are dropped by dash(1), and kept by bash(1). */
  private static final Pattern SHELL_NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  /** Shells set these for themselves, and some end when they are set. */
  private static final Set<String> OF_THE_SHELL =
      Set.of(
          "PPID",
          "UID",
          "EUID",
          "IFS",
          "OPTIND",
          "SHELLOPTS",
          "BASHOPTS",
          "BASHPID",
          "BASH_VERSINFO",
          "GROUPS",
          "LINENO",
          "RANDOM",
          "SECONDS");

  private final Map<String, byte[]> entries; // by name, in ISO 8859-1 as the broker's own are

  private WorkerEnvironment(Map<String, byte[]> entries) {
    this.entries = entries;
  }

  /**
   * What is particular to this start.
   *
   * @param stored the names of the stored descriptors that follow the sockets
   * @param notifySocket the worker's own NOTIFY_SOCKET
   * @param controlSocket the broker's
   */
  record Start(List<String> stored, String notifySocket, String controlSocket) {}

  /**
   * Puts it together.
   *
   * @param own the broker's: entries NAME=value by their names
   */
  static WorkerEnvironment of(Map<String, byte[]> own, WorkerOrder order, Start start) {
    Map<String, byte[]> entries = new LinkedHashMap<>(own);
    entries.keySet().removeAll(OF_THE_BROKER);
    WorkerEnvironment result = new WorkerEnvironment(entries);
    Account account = order.launch().account();
    if (account != null) {
      result.set("HOME", account.home());
      result.set("USER", account.name());
      result.set("LOGNAME", account.name());
      result.set("SHELL", account.shell());
    }
    Placeholders placeholders = new Placeholders(order);
    order
        .launch()
        .environment()
        .forEach((name, value) -> result.set(name, placeholders.fill(value)));
    List<String> names =
        Stream.concat(
                order.sockets().stream().map(Answer.Passed::listener).map(Object::toString),
                start.stored().stream())
            .toList();
    result.set("LISTEN_FDS", Integer.toString(names.size()));
    result.set("LISTEN_FDNAMES", names.stream().collect(Collectors.joining(":")));
    result.set("NOTIFY_SOCKET", start.notifySocket());
    result.set("HOLDFAST_LEASE", order.lease().value());
    result.set("HOLDFAST_SOCKET", start.controlSocket());
    Duration watchdog = order.watchdog();
    if (watchdog != null) {
      result.set("WATCHDOG_USEC", Long.toString(watchdog.toNanos() / 1000));
    }
    return result;
  }

  private void set(String name, String value) {
    ByteArrayOutputStream entry = new ByteArrayOutputStream();
    entry.writeBytes(name.getBytes(StandardCharsets.UTF_8));
    entry.write('=');
    entry.writeBytes(value.getBytes(StandardCharsets.UTF_8));
    byte[] bytes = entry.toByteArray();
    String key = new String(name.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    entries.remove(key);
    entries.put(key, bytes);
  }

  /** The entries that a shell passes on. */
  List<byte[]> passedOn() {
    return entries(true);
  }

  /** The entries that no shell passes on. */
  List<byte[]> foreign() {
    return entries(false);
  }

  private List<byte[]> entries(boolean shell) {
    List<byte[]> result = new ArrayList<>(entries.size());
    entries.forEach(
        (name, entry) -> {
          if (isPassedOn(name) == shell) {
            result.add(entry);
          }
        });
    return result;
  }

  private static boolean isPassedOn(String name) {
    return SHELL_NAME.matcher(name).matches() && !OF_THE_SHELL.contains(name);
  }

  /** Where programs are looked for. */
  String path() {
    byte[] entry = entries.get("PATH");
    return entry == null
        ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        : new String(entry, StandardCharsets.UTF_8).substring("PATH=".length());
  }
}
