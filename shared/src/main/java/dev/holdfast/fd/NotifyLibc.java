package dev.holdfast.fd;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;

/** What only {@link NotifyListener} needs of the C library. */
final class NotifyLibc {

  static final int MSG_TRUNC = 0x20;

  static {
    Native.register(NotifyLibc.class, NativeLibrary.getProcess());
  }

  private NotifyLibc() {}

  static native int fchmod(int fd, int mode);

  static native int chmod(String path, int mode);

  static native int unlink(String path);

  static native int getegid();
}
