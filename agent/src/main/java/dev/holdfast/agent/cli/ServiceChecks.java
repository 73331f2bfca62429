package dev.holdfast.agent.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What the broker needs to start workers, and to see when they are ready. */
final class ServiceChecks {

  private static final int CAP_SYS_PTRACE = 19;

  private ServiceChecks() {}

  static List<Check> run() {
    return List.of(
        readiness(
            Proc.number("/proc/sys/kernel/yama/ptrace_scope", 0),
            Proc.hasCapability(CAP_SYS_PTRACE)),
        accounts(
            Files.isExecutable(Path.of("/usr/bin/setpriv"))
                || Files.isExecutable(Path.of("/bin/setpriv"))));
  }

  /** The broker reads /proc/PID/syscall and fdinfo, as ptrace(2) permits it. */
  static Check readiness(long ptraceScope, boolean capable) {
    String name = "readiness seen";
    String scope = "ptrace_scope " + ptraceScope + (capable ? ", CAP_SYS_PTRACE" : "");
    if (ptraceScope == 0 || (capable && ptraceScope < 3)) {
      return Check.ok(name, scope, "a worker is ready when it is seen waiting on its listener");
    }
    return Check.limited(
        name,
        scope,
        ptraceScope == 1
            ? "services are seen; programs of `holdfast exec` have to say READY=1"
            : "every worker has to say READY=1",
        "run the broker with CAP_SYS_PTRACE"
            + (ptraceScope < 3 ? ", or set sysctl kernel.yama.ptrace_scope=0" : "")
            + "; or set ready = \"notify\"");
  }

  static Check accounts(boolean setpriv) {
    return setpriv
        ? Check.ok("setpriv", "there", "a root broker starts services as other users")
        : Check.limited(
            "setpriv",
            "not there",
            "a root broker starts services as other users by chroot of coreutils, or not at all",
            "install util-linux");
  }
}
