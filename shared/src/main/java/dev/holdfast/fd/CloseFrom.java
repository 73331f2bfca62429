package dev.holdfast.fd;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/** Has a spawned process close all descriptors from a number up: glibc 2.34. */
final class CloseFrom {

  /** Whether this C library can. */
  static final boolean KNOWN = register();

  private CloseFrom() {}

  private static boolean register() {
    try {
      Native.register(CloseFrom.class, NativeLibrary.getProcess());
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false;
    }
  }

  static native int posix_spawn_file_actions_addclosefrom_np(Pointer actions, int first);
}
