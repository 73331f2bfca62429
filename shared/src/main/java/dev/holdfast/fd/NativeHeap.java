package dev.holdfast.fd;

/** The C library's heap, where the JVM's compiler works. */
public final class NativeHeap {

  private NativeHeap() {}

  /**
   * Gives free memory back to the kernel (malloc_trim(3)); takes milliseconds. False where the C
   * library has no such call.
   */
  public static boolean trim() {
    try {
      int unused = Libc.malloc_trim(0);
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false; // musl
    }
  }
}
