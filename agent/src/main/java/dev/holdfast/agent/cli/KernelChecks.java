package dev.holdfast.agent.cli;

import dev.holdfast.fd.KernelFeatures;
import java.util.List;

/** What the kernel offers and permits. */
final class KernelChecks {

  private KernelChecks() {}

  static List<Check> run() {
    return List.of(
        version(Proc.value("/proc/sys/kernel/osrelease").orElse("")),
        pidfdOpen(KernelFeatures.hasPidfdOpen()),
        peerPidfd(KernelFeatures.hasPeerPidfd()),
        closeRange(KernelFeatures.hasCloseRange()),
        exclusive(KernelFeatures.hasExclusiveWait()));
  }

  static Check version(String release) {
    int[] parts = {0, 0};
    int part = 0;
    for (int i = 0; i < release.length() && part < 2; i++) {
      char c = release.charAt(i);
      if (c >= '0' && c <= '9') {
        parts[part] = Math.min(9999, parts[part] * 10 + c - '0');
      } else {
        part++;
      }
    }
    int version = parts[0] * 1000 + parts[1];
    String name = "kernel";
    if (version < 5003) {
      return Check.missing(
              name,
              release,
              "leases follow pidfds, which Linux has since 5.3",
              "run Linux 6.5 or later")
          .asNeeded();
    }
    return version < 6005
        ? Check.limited(
            name,
            release,
            "works; the checks below say what is less good",
            "Linux 6.5 has all of it")
        : Check.ok(name, release, "has all that is used");
  }

  static Check pidfdOpen(boolean there) {
    return there
        ? Check.ok("pidfd_open", "there", "a lease ends when its process ends").asNeeded()
        : Check.missing(
                "pidfd_open",
                "not there",
                "a lease cannot follow a process",
                "run Linux 5.3 or later, or let the sandbox's seccomp filter allow pidfd_open")
            .asNeeded();
  }

  static Check peerPidfd(boolean there) {
    return there
        ? Check.ok("SO_PEERPIDFD", "there", "callers are identified without a race")
        : Check.limited(
            "SO_PEERPIDFD",
            "not there",
            "a caller that dies while it calls could be taken for a new process of its pid",
            "Linux 6.5 has it; no harm unless pids are reused within milliseconds");
  }

  static Check closeRange(boolean there) {
    return there
        ? Check.ok("close_range", "there", "exec marks all descriptors in one call")
        : Check.limited(
            "close_range",
            "not there",
            "exec marks descriptors one by one, a little slower",
            "Linux 5.11 has it");
  }

  static Check exclusive(boolean there) {
    return there
        ? Check.ok("EPOLLEXCLUSIVE", "there", "a connection wakes one worker of many")
        : Check.limited(
            "EPOLLEXCLUSIVE",
            "not there",
            "each connection wakes all waiting workers",
            "Linux 4.5 has it");
  }
}
