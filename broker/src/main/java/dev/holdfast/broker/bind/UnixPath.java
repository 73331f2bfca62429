package dev.holdfast.broker.bind;

import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;

/**
 * The path of a Unix socket that we made. It appears complete, with its owner and mode, by
 * rename(2) over whatever stale socket was there; and we remove only what is still ours.
 */
public final class UnixPath {

  private final Path path;
  private final Object identity;
  private final int bornUid; // what it had from bind(2), before it was given to somebody
  private final int bornGid;

  private UnixPath(Path path, Object identity, int bornUid, int bornGid) {
    this.path = path;
    this.identity = identity;
    this.bornUid = bornUid;
    this.bornGid = bornGid;
  }

  /**
   * Binds the borrowed socket at the path, taking over a path where nobody listens.
   *
   * @throws BindException EADDRINUSE where somebody listens, or where something other than a socket
   *     is
   */
  public static UnixPath bind(OwnedFd fd, Path path, SocketSettings settings, String endpoint)
      throws BindException {
    requireFree(path, endpoint);
    Path parent = path.toAbsolutePath().getParent();
    Path temporary = (parent == null ? Path.of("/") : parent).resolve(".hf" + Limits.processId());
    try {
      Files.deleteIfExists(temporary);
      Sockets.bind(fd, new UnixAddress.Path(temporary), endpoint);
      try {
        int bornUid = owner(temporary, "uid");
        int bornGid = owner(temporary, "gid");
        Integer uid = settings.uid();
        Integer gid = settings.gid();
        if (uid != null || gid != null) {
          Limits.changeOwner(temporary.toString(), uid == null ? -1 : uid, gid == null ? -1 : gid);
        }
        Integer mode = settings.mode();
        Files.setPosixFilePermissions(temporary, permissions(mode == null ? 0666 : mode));
        Object identity = identity(temporary);
        Files.move(
            temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return new UnixPath(path, identity, bornUid, bornGid);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (ErrnoException e) {
      throw BindException.of(endpoint, e);
    } catch (IOException | IllegalArgumentException e) {
      throw new BindException(endpoint, "EIO", "bind " + endpoint + ": " + reason(e));
    }
  }

  private static String reason(Exception e) {
    return e instanceof NoSuchFileException missing
        ? "no directory for " + missing.getFile()
        : String.valueOf(e.getMessage());
  }

  private static void requireFree(Path path, String endpoint) throws BindException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!isSocket(path)) {
      throw inUse(endpoint, "the path exists and is no socket");
    }
    try {
      if (Sockets.hasListener(new UnixAddress.Path(path))) {
        throw inUse(endpoint, "a process listens there; stop it, or choose another path");
      }
    } catch (ErrnoException e) {
      throw inUse(
          endpoint,
          e.is(Errno.EPROTOTYPE)
              ? "a socket of another type is bound there"
              : "cannot tell whether somebody listens there: " + e.getMessage());
    }
  }

  private static BindException inUse(String endpoint, String why) {
    return new BindException(
        endpoint, "EADDRINUSE", "bind " + endpoint + ": EADDRINUSE (" + why + ")");
  }

  private static boolean isSocket(Path path) {
    try {
      Object mode = Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
      return mode instanceof Integer bits && (bits & 0170000) == 0140000;
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  private static Object identity(Path path) throws IOException {
    Map<String, Object> attributes =
        Files.readAttributes(path, "unix:ino,dev", LinkOption.NOFOLLOW_LINKS);
    return attributes.get("ino") + "/" + attributes.get("dev");
  }

  private static int owner(Path path, String which) throws IOException {
    Object number = Files.getAttribute(path, "unix:" + which, LinkOption.NOFOLLOW_LINKS);
    return number instanceof Integer id ? id : -1;
  }

  /**
   * Sets mode and owner anew, as far as it is still our path; those not given become what they
   * would have been.
   */
  void apply(SocketSettings settings) throws IOException {
    if (!isOurs()) {
      return;
    }
    int uid = settings.uid() == null ? bornUid : settings.uid();
    int gid = settings.gid() == null ? bornGid : settings.gid();
    if (uid != owner(path, "uid") || gid != owner(path, "gid")) {
      Limits.changeOwner(path.toString(), uid, gid);
    }
    Integer mode = settings.mode();
    Files.setPosixFilePermissions(path, permissions(mode == null ? 0666 : mode));
  }

  private boolean isOurs() {
    try {
      return identity(path).equals(identity);
    } catch (IOException e) {
      return false;
    }
  }

  /** Removes the path, if it is still the socket that we made. */
  public void remove() throws IOException {
    if (isOurs()) {
      Files.deleteIfExists(path);
    }
  }

  private static Set<PosixFilePermission> permissions(int mode) {
    StringBuilder letters = new StringBuilder("rwxrwxrwx");
    for (int i = 0; i < 9; i++) {
      if ((mode & 0400 >> i) == 0) {
        letters.setCharAt(i, '-');
      }
    }
    return PosixFilePermissions.fromString(letters.toString());
  }
}
