package dev.holdfast.fd;

import com.sun.jna.Pointer;
import java.util.OptionalInt;

/**
 * Users and groups by name, from the host's own databases (getpwnam(3), getgrnam(3)). May block
 * where they are remote.
 */
public final class Accounts {

  private static final int PASSWD_UID = 16;
  private static final int GROUP_GID = 16;

  private Accounts() {}

  // The calls return memory of their own, which the next call overwrites: hence one thread at a
  // time.

  public static synchronized OptionalInt uid(String user) {
    Pointer entry = Libc.getpwnam(user);
    return entry == null ? OptionalInt.empty() : OptionalInt.of(entry.getInt(PASSWD_UID));
  }

  public static synchronized OptionalInt gid(String group) {
    Pointer entry = Libc.getgrnam(group);
    return entry == null ? OptionalInt.empty() : OptionalInt.of(entry.getInt(GROUP_GID));
  }
}
