package dev.holdfast.agent.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Limits and settings of the host and the network. */
final class LimitChecks {

  private static final int CAP_NET_BIND_SERVICE = 10;
  private static final long ENOUGH_FILES = 4096;
  private static final long ENOUGH_BACKLOG = 4096;

  /** The clock of a machine that lost its battery shows an earlier year. */
  private static final Instant CERTAINLY_PAST = Instant.parse("2026-01-01T00:00:00Z");

  private LimitChecks() {}

  static List<Check> run() {
    return List.of(
        openFiles(limits()),
        somaxconn(Proc.number("/proc/sys/net/core/somaxconn", -1)),
        abortOnOverflow(Proc.number("/proc/sys/net/ipv4/tcp_abort_on_overflow", 0)),
        lowPorts(
            Proc.number("/proc/sys/net/ipv4/ip_unprivileged_port_start", 1024),
            Proc.hasCapability(CAP_NET_BIND_SERVICE)),
        ipv6(
            Files.exists(Path.of("/proc/net/if_inet6")),
            Proc.number("/proc/sys/net/ipv6/conf/all/disable_ipv6", 0),
            Proc.number("/proc/sys/net/ipv6/bindv6only", 0)),
        time(Instant.now()));
  }

  /**
   * Of the shell that called us: the JVM has raised its own soft limit. {@code Max open files},
   * soft and hard.
   */
  private static List<String> limits() {
    Optional<ProcessHandle> parent = ProcessHandle.current().parent();
    List<String> lines =
        parent.map(shell -> Proc.lines("/proc/" + shell.pid() + "/limits")).orElse(List.of());
    return lines.isEmpty() ? Proc.lines("/proc/self/limits") : lines;
  }

  static Check openFiles(List<String> limits) {
    String name = "RLIMIT_NOFILE";
    for (String line : limits) {
      if (line.startsWith("Max open files")) {
        String[] words = line.substring(14).trim().split("\\s+", -1);
        long hard = words[1].equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(words[1]);
        String found = words[0] + " soft, " + words[1] + " hard";
        return hard < ENOUGH_FILES
            ? Check.limited(
                name,
                found,
                "each listener, lease and connection is a descriptor of the broker",
                "raise the hard limit: ulimit -Hn, LimitNOFILE= in a unit, or limits.conf")
            : Check.ok(name, found, "the broker raises its own to the hard limit");
      }
    }
    return Check.limited(name, "unknown", "/proc is not readable", "mount /proc");
  }

  static Check somaxconn(long value) {
    if (value < 0) {
      return Check.limited("somaxconn", "unknown", "/proc/sys is not readable", "mount /proc");
    }
    return value < ENOUGH_BACKLOG
        ? Check.limited(
            "somaxconn",
            Long.toString(value),
            "caps every backlog: a queue that fills while workers restart drops connections",
            "sysctl net.core.somaxconn=4096")
        : Check.ok("somaxconn", Long.toString(value), "caps every backlog; enough");
  }

  static Check abortOnOverflow(long value) {
    return value == 0
        ? Check.ok("tcp_abort_on_overflow", "0", "clients try again when a queue is full")
        : Check.limited(
            "tcp_abort_on_overflow",
            Long.toString(value),
            "clients are reset when a queue is full, instead of trying again",
            "sysctl net.ipv4.tcp_abort_on_overflow=0");
  }

  static Check lowPorts(long start, boolean capable) {
    String found = "from " + start + (capable ? ", CAP_NET_BIND_SERVICE" : "");
    return capable || start <= 80
        ? Check.ok("low ports", found, "ports like 80 and 443 can be bound")
        : Check.limited(
            "low ports",
            found,
            "a broker of this user cannot bind ports below " + start,
            "run holdfastd as root, give it CAP_NET_BIND_SERVICE, or set sysctl"
                + " net.ipv4.ip_unprivileged_port_start=80");
  }

  static Check ipv6(boolean there, long disabled, long v6only) {
    if (!there || disabled != 0) {
      return Check.limited(
          "IPv6",
          there ? "disabled" : "not there",
          "listeners without a host are IPv4 only",
          disabled != 0 ? "sysctl net.ipv6.conf.all.disable_ipv6=0, if you want it" : "");
    }
    return Check.ok(
        "IPv6",
        v6only == 0 ? "there" : "there, bindv6only",
        "a listener without a host takes both");
  }

  static Check time(Instant now) {
    String found = now.toString();
    return now.isBefore(CERTAINLY_PAST)
        ? Check.limited(
            "time",
            found,
            "deadlines are moments of this clock, which is behind",
            "set the clock, for example with chrony or systemd-timesyncd")
        : Check.ok("time", found, "deadlines are moments of this clock");
  }
}
