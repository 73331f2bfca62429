package dev.holdfast.fd;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import org.jspecify.annotations.Nullable;

/** The C library's calls that only services with an account need. */
final class AccountsLibc {

  static {
    Native.register(AccountsLibc.class, NativeLibrary.getProcess());
  }

  private AccountsLibc() {}

  static native @Nullable Pointer getpwuid(int uid);

  static native int getgrouplist(String user, int gid, Pointer groups, Pointer count);

  static native int getegid();
}
