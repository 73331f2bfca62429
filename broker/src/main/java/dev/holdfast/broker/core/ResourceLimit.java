package dev.holdfast.broker.core;

/**
 * A resource limit of a process (getrlimit(2)), in the kernel's units: bytes, seconds, or a count.
 *
 * @param soft in force; {@link #UNLIMITED} for none
 * @param hard what it may be raised to
 */
public record ResourceLimit(Resource resource, long soft, long hard) {

  /** RLIM_INFINITY. */
  public static final long UNLIMITED = -1;

  /** The numbers are those of every architecture but MIPS, SPARC and Alpha. */
  public enum Resource {
    CPU_TIME(0, "cpu-time"),
    FILE_SIZE(1, "file-size"),
    DATA(2, "data"),
    STACK(3, "stack"),
    CORE(4, "core"),
    PROCESSES(6, "processes"),
    OPEN_FILES(7, "open-files"),
    LOCKED_MEMORY(8, "locked-memory"),
    ADDRESS_SPACE(9, "address-space");

    private final int number;
    private final String word;

    Resource(int number, String word) {
      this.number = number;
      this.word = word;
    }

    public int number() {
      return number;
    }

    /** As it is written in the configuration. */
    public String word() {
      return word;
    }
  }
}
