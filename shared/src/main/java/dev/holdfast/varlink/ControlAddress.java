package dev.holdfast.varlink;

import dev.holdfast.fd.Limits;
import dev.holdfast.fd.UnixAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Map;
import java.util.Set;

/**
 * Where the broker's control socket is, unless somebody says otherwise. The one place of this rule:
 * the broker, the command and the library all ask here.
 *
 * <ol>
 *   <li>{@code $HOLDFAST_SOCKET}: a path, or {@code @name} for the abstract namespace;
 *   <li>for root, {@code /run/holdfast/holdfast.sock};
 *   <li>{@code $XDG_RUNTIME_DIR/holdfast/holdfast.sock};
 *   <li>{@code /run/user/UID/holdfast/holdfast.sock}, if {@code /run/user/UID} is a directory;
 *   <li>{@code /tmp/holdfast-UID/holdfast.sock}.
 * </ol>
 */
public final class ControlAddress {

  public static final String VARIABLE = "HOLDFAST_SOCKET";

  private static final String FILE = "holdfast.sock";

  private ControlAddress() {}

  /**
   * The address for this process; whether a broker is there, nobody has looked.
   *
   * @throws IOException if it would be in a directory under /tmp that another user has made, who
   *     could then play the broker
   */
  public static UnixAddress find() throws IOException {
    return find(System.getenv());
  }

  /** The same, for an environment that is not this process's own. */
  public static UnixAddress find(Map<String, String> environment) throws IOException {
    return find(environment, Limits.effectiveUid(), Path.of("/"));
  }

  static UnixAddress find(Map<String, String> environment, int uid, Path root) throws IOException {
    String named = environment.getOrDefault(VARIABLE, "");
    if (!named.isEmpty()) {
      return UnixAddress.parse(named);
    }
    if (uid == 0) {
      return in(root.resolve("run/holdfast"));
    }
    String runtime = environment.getOrDefault("XDG_RUNTIME_DIR", "");
    if (!runtime.isEmpty()) {
      return in(Path.of(runtime, "holdfast"));
    }
    Path user = root.resolve("run/user/" + uid);
    if (Files.isDirectory(user)) {
      return in(user.resolve("holdfast"));
    }
    Path shared = root.resolve("tmp/holdfast-" + uid);
    if (Files.exists(shared, LinkOption.NOFOLLOW_LINKS)) {
      requirePrivate(shared, uid);
    }
    return in(shared);
  }

  /**
   * Refuses a directory in which others could put a socket of theirs. The broker calls it too,
   * after it has made the directory with mode 0700.
   *
   * @throws IOException unless it is a directory (no link) of this user, which nobody else may
   *     write
   */
  public static void requirePrivate(Path directory, int uid) throws IOException {
    Map<String, Object> facts =
        Files.readAttributes(
            directory, "unix:uid,permissions,isDirectory", LinkOption.NOFOLLOW_LINKS);
    boolean othersWrite =
        facts.get("permissions") instanceof Set<?> permissions
            && (permissions.contains(PosixFilePermission.GROUP_WRITE)
                || permissions.contains(PosixFilePermission.OTHERS_WRITE));
    if (!Boolean.TRUE.equals(facts.get("isDirectory"))
        || !Integer.valueOf(uid).equals(facts.get("uid"))
        || othersWrite) {
      throw new IOException(
          "use "
              + directory
              + " for the control socket: it is not a directory that only user "
              + uid
              + " may write. Remove it, or name the socket in "
              + VARIABLE);
    }
  }

  private static UnixAddress in(Path directory) {
    return new UnixAddress.Path(directory.resolve(FILE));
  }
}
