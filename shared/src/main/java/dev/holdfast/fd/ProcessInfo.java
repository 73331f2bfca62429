package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.util.OptionalInt;

/** What the kernel keeps of a process for those who hold a pidfd: ioctl PIDFD_GET_INFO. */
final class ProcessInfo {

  private static final int SIZE = 64; // struct pidfd_info as Linux 6.13 has it
  private static final long GET_INFO = 0xC000_0000L | SIZE << 16 | 0xFF << 8 | 11;
  private static final long EXIT = 1 << 3;
  private static final int EXIT_CODE = 60;

  static {
    Native.register(ProcessInfo.class, NativeLibrary.getProcess());
  }

  private ProcessInfo() {}

  static OptionalInt exitStatus(OwnedFd pidfd) {
    try (Memory info = new Memory(SIZE)) {
      info.clear();
      info.setLong(0, EXIT);
      boolean known = ioctl(pidfd.number(), GET_INFO, info) == 0 && (info.getLong(0) & EXIT) != 0;
      return known ? OptionalInt.of(info.getInt(EXIT_CODE)) : OptionalInt.empty();
    }
  }

  static native int ioctl(int fd, long request, Pointer argument);
}
