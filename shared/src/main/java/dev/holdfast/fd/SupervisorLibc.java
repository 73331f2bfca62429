package dev.holdfast.fd;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/** What only {@link Supervisor} needs of the C library. */
final class SupervisorLibc {

  static {
    Native.register(SupervisorLibc.class, NativeLibrary.getProcess());
  }

  private SupervisorLibc() {}

  static native long sendmsg(int fd, Pointer message, int flags);
}
