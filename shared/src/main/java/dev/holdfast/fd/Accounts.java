package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Users and groups, from the host's own databases (getpwnam(3), getgrnam(3)). May block where they
 * are remote.
 */
public final class Accounts {

  /**
   * What the host knows of a user.
   *
   * @param gid of the primary group
   */
  public record User(String name, int uid, int gid, String home, String shell) {}

  private static final int PASSWD_NAME = 0;
  private static final int PASSWD_UID = 16;
  private static final int PASSWD_GID = 20;
  private static final int PASSWD_HOME = 32;
  private static final int PASSWD_SHELL = 40;
  private static final int GROUP_GID = 16;

  /** More than users are in; getgrouplist(3) tells when it needs more. */
  private static final int ROOM_FOR_GROUPS = 64;

  /** NGROUPS_MAX: a process cannot be in more. */
  private static final int MOST_GROUPS = 65536;

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

  public static synchronized Optional<User> user(String name) {
    return user(Libc.getpwnam(name));
  }

  /** The first of them, where several names share the number. */
  public static synchronized Optional<User> user(int uid) {
    return user(AccountsLibc.getpwuid(uid));
  }

  /**
   * All groups of a process that runs as the user (getgrouplist(3)).
   *
   * @param gid of its primary group, which comes first
   */
  public static synchronized List<Integer> groups(String user, int gid) {
    int room = ROOM_FOR_GROUPS;
    while (true) {
      try (Memory groups = new Memory(4L * room);
          Memory count = new Memory(4)) {
        count.setInt(0, room);
        int result = AccountsLibc.getgrouplist(user, gid, groups, count);
        if (result >= 0 || room >= MOST_GROUPS) {
          int length = Math.min(room, count.getInt(0));
          return Arrays.stream(groups.getIntArray(0, length)).boxed().toList();
        }
        room = Math.min(MOST_GROUPS, Math.max(2 * room, count.getInt(0)));
      }
    }
  }

  /** The effective gid of this process. */
  public static int effectiveGid() {
    return AccountsLibc.getegid();
  }

  private static Optional<User> user(@Nullable Pointer entry) {
    return entry == null
        ? Optional.empty()
        : Optional.of(
            new User(
                text(entry, PASSWD_NAME),
                entry.getInt(PASSWD_UID),
                entry.getInt(PASSWD_GID),
                text(entry, PASSWD_HOME),
                text(entry, PASSWD_SHELL)));
  }

  private static String text(Pointer entry, int offset) {
    Pointer text = entry.getPointer(offset);
    return text == null ? "" : text.getString(0);
  }
}
