package dev.holdfast.fd;

/** The flags of open(2) that are not one number everywhere (asm/fcntl.h of the kernel). */
record OpenFlags(int directory, int noFollow) {

  static final OpenFlags HERE = of(System.getProperty("os.arch", ""));

  /**
   * Those of an architecture. A wrong one is not refused: the kernel takes it for another flag, and
   * opens what it should not.
   *
   * @param arch as in the property {@code os.arch}
   */
  static OpenFlags of(String arch) {
    return switch (arch) {
      case "aarch64", "arm", "ppc64", "ppc64le" -> new OpenFlags(0x4000, 0x8000);
      default -> new OpenFlags(0x10000, 0x20000); // asm-generic
    };
  }
}
