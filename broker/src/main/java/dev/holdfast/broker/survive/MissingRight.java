package dev.holdfast.broker.survive;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.KernelFeatures;
import dev.holdfast.fd.Limits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Why a descriptor cannot be taken out of a process, in words that say what would help. */
final class MissingRight {

  private static final int CAP_SYS_PTRACE = 19;

  private MissingRight() {}

  /** After pidfd_getfd(2) failed: what is in the way. */
  static String toTake(OtherProcess process, ErrnoException e) {
    return switch (e.errno()) {
      case Errno.ENOSYS ->
          "pidfd_getfd is not there: Linux has it since 5.6, or a seccomp filter hides it";
      case Errno.EPERM, Errno.EACCES -> notPermitted(process);
      default -> String.valueOf(e.getMessage());
    };
  }

  /** After /proc/PID/fd could not be read. */
  static String toLook(OtherProcess process) {
    return hasPtrace()
        ? "CAP_DAC_READ_SEARCH is missing to read " + process.path("fd")
        : "CAP_SYS_PTRACE is missing: " + whose(process);
  }

  private static String notPermitted(OtherProcess process) {
    long scope = ptraceScope();
    if (scope >= 3) {
      return "kernel.yama.ptrace_scope is " + scope + ", which forbids it until the next boot";
    }
    if (!KernelFeatures.hasPidfdGetfd()) {
      return "a seccomp filter forbids pidfd_getfd; allow it, or give CAP_SYS_PTRACE where the"
          + " filter depends on that";
    }
    if (hasPtrace()) {
      return "CAP_SYS_PTRACE does not reach it: it is in another user namespace, or a security"
          + " module forbids it";
    }
    return "CAP_SYS_PTRACE is missing"
        + (scope > 0 ? ", and kernel.yama.ptrace_scope is " + scope : ": " + whose(process));
  }

  private static String whose(OtherProcess process) {
    int uid = process.ids().map(OtherProcess.Ids::uid).orElse(-1);
    return uid == Limits.effectiveUid()
        ? "the process is of the same user, but has more capabilities than this one, or is not"
            + " dumpable (it changed its ids, or set PR_SET_DUMPABLE)"
        : "the process is of another user"
            + (uid == -1 ? "" : " (uid " + Integer.toUnsignedString(uid) + ")");
  }

  private static long ptraceScope() {
    try {
      Path file = Path.of("/proc/sys/kernel/yama/ptrace_scope");
      return Long.parseLong(Files.readAllLines(file).get(0).strip());
    } catch (IOException | RuntimeException e) {
      return 0; // no Yama
    }
  }

  private static boolean hasPtrace() {
    try {
      for (String line :
          Files.readAllLines(Path.of("/proc/self/status"), StandardCharsets.ISO_8859_1)) {
        if (line.startsWith("CapEff:")) {
          long all = Long.parseUnsignedLong(line.substring(7).strip(), 16);
          return (all >>> CAP_SYS_PTRACE & 1) == 1;
        }
      }
    } catch (IOException e) {
      // no /proc
    }
    return false;
  }
}
