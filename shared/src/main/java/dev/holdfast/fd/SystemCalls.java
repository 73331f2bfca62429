package dev.holdfast.fd;

/**
 * Numbers of system calls that must go past the C library: its wrappers change the ids of all
 * threads, as POSIX wants (nptl(7)), and we want those of one.
 */
final class SystemCalls {

  private static final boolean X86_64 = "amd64".equals(System.getProperty("os.arch"));

  // The second number is that of asm-generic: aarch64, riscv64, loongarch64.
  static final long SETGROUPS = X86_64 ? 116 : 159;
  static final long SETFSUID = X86_64 ? 122 : 151;
  static final long SETFSGID = X86_64 ? 123 : 152;
  static final long CAPGET = X86_64 ? 125 : 90;
  static final long CAPSET = X86_64 ? 126 : 91;

  /** Not in every C library that we meet. The same number everywhere; since Linux 5.8. */
  static final long FACCESSAT2 = 439;

  private SystemCalls() {}

  /** Whether the numbers are those of this machine. */
  static boolean known() {
    return switch (System.getProperty("os.arch", "")) {
      case "amd64", "aarch64", "riscv64", "loongarch64" -> true;
      default -> false;
    };
  }
}
