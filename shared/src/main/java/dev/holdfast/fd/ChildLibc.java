package dev.holdfast.fd;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/**
 * The C library's calls for whoever has children to reap; apart from {@link SpawnLibc}, since a
 * broker makes them at its start, and each call that is bound costs time there.
 */
final class ChildLibc {

  static final int PR_GET_DUMPABLE = 3;
  static final int PR_SET_DUMPABLE = 4;
  static final int PR_SET_CHILD_SUBREAPER = 36;
  static final int PR_SET_NO_NEW_PRIVS = 38;

  static final int P_ALL = 0;
  static final int P_PID = 1;
  static final int P_PIDFD = 3;
  static final int WEXITED = 4;
  static final int WNOWAIT = 0x01000000;
  static final int CLD_EXITED = 1;

  /** Offsets in siginfo_t, which has 128 bytes. */
  static final int SIGINFO_SIZE = 128;

  static final int SI_CODE = 8;
  static final int SI_PID = 16;
  static final int SI_STATUS = 24;

  static {
    Native.register(ChildLibc.class, NativeLibrary.getProcess());
  }

  private ChildLibc() {}

  static native int prctl(int option, long second, long third, long fourth, long fifth);

  static native int waitid(int kind, int id, Pointer info, int options);
}
