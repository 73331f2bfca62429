package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/**
 * Reads the memory of another process (process_vm_readv(2)), which goes on running meanwhile: what
 * is read may be half of an old and half of a new state.
 *
 * <p>Needs the right to trace the process. Stands apart from {@link Libc} so that only a program
 * which looks into others binds the call.
 */
public final class ProcessMemory {

  static {
    Native.register(ProcessMemory.class, NativeLibrary.getProcess());
  }

  private ProcessMemory() {}

  /**
   * Reads so many bytes, fewer where unmapped memory begins before the end.
   *
   * @throws ErrnoException EPERM when we may not, ESRCH when the process is gone, EFAULT where
   *     nothing is mapped at the address
   */
  public static byte[] read(int pid, long address, int length) throws ErrnoException {
    if (length == 0) {
      return new byte[0];
    }
    try (Memory bytes = new Memory(length);
        Memory vectors = new Memory(32)) {
      vectors.setPointer(0, bytes);
      vectors.setLong(8, length);
      vectors.setLong(16, address);
      vectors.setLong(24, length);
      long got = process_vm_readv(pid, vectors, 1, vectors.share(16), 1, 0);
      if (got < 0) {
        throw ErrnoException.last(
            "process_vm_readv", "pid " + pid + " at 0x" + Long.toHexString(address));
      }
      return bytes.getByteArray(0, (int) got);
    }
  }

  private static native long process_vm_readv(
      int pid, Pointer local, long localCount, Pointer remote, long remoteCount, long flags);
}
