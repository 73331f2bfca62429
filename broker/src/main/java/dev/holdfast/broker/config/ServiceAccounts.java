package dev.holdfast.broker.config;

import dev.holdfast.broker.core.Account;
import dev.holdfast.fd.Accounts;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whom workers run as. Only root becomes somebody else; a broker that is not root may name itself,
 * and then keeps the groups it has, whatever the host says of them.
 */
final class ServiceAccounts {

  /** (gid_t) -1: of a number that the host has no user for. */
  private static final int NO_GROUP = -1;

  private ServiceAccounts() {}

  /** A user by name or number; a number need not be of a user that the host knows. */
  static Accounts.@Nullable User user(Setting setting) {
    Surroundings host = setting.surroundings();
    if (setting.value() instanceof String name) {
      // getpwnam(3) reads up to a NUL, and would find root in "root\0x".
      Accounts.User user = name.indexOf('\0') < 0 ? host.user(name).orElse(null) : null;
      return user == null ? Principals.noSuch(setting, "user", name) : user;
    }
    if (!(setting.value() instanceof Long number)) {
      return setting.mustBe("the name or number of a user");
    }
    Integer uid = Principals.number(setting, number.toString());
    return uid == null ? null : numbered(host, uid);
  }

  /** Null for the broker's own, and after a problem was reported. */
  static @Nullable Account read(
      @Nullable Setting userKey,
      Accounts.@Nullable User user,
      @Nullable Setting groupKey,
      @Nullable Integer group) {
    if ((userKey != null && user == null) || (groupKey != null && group == null)) {
      return null; // what is wrong has been said
    }
    if (userKey != null && user != null) {
      return account(userKey, user, groupKey, group);
    }
    if (groupKey == null || group == null) {
      return null;
    }
    Surroundings host = groupKey.surroundings();
    return account(groupKey, numbered(host, host.ownUid()), groupKey, group);
  }

  private static Accounts.User numbered(Surroundings host, int uid) {
    return host.user(uid)
        .orElseGet(
            () -> new Accounts.User(Integer.toUnsignedString(uid), uid, NO_GROUP, "/", "/bin/sh"));
  }

  private static @Nullable Account account(
      Setting key, Accounts.User user, @Nullable Setting groupKey, @Nullable Integer group) {
    Surroundings host = key.surroundings();
    if (!host.root() && user.uid() != host.ownUid()) {
      return key.wrong(notRoot(key, "user", host.ownUid()));
    }
    if (!host.root() && groupKey != null && group != null && group != host.ownGid()) {
      return groupKey.wrong(notRoot(groupKey, "group", host.ownGid()));
    }
    int otherwise = host.root() ? user.gid() : host.ownGid();
    int gid = group == null ? otherwise : group;
    if (gid == NO_GROUP) {
      return key.wrong(
          "user: this host has no user "
              + user.name()
              + ", so its group is not known; write group");
    }
    return new Account(
        user.name(), user.uid(), gid, groups(host, user, gid), user.home(), user.shell());
  }

  private static List<Integer> groups(Surroundings host, Accounts.User user, int gid) {
    return user.gid() == NO_GROUP ? List.of(gid) : host.groups(user.name(), gid);
  }

  private static String notRoot(Setting key, String what, int own) {
    return key.name()
        + ": a broker that is not root cannot make workers run as another "
        + what
        + " than its own ("
        + Integer.toUnsignedString(own)
        + "); leave "
        + key.name()
        + " out, or start the broker as root";
  }
}
