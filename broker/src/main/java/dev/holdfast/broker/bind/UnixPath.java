package dev.holdfast.broker.bind;

import dev.holdfast.broker.core.SocketProof.PathProof;
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
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The path of a Unix socket that we made. It is bound where it stays, not renamed into place:
 * getsockname(2) tells the address of bind(2) for ever, and by that a socket is known again. Nobody
 * can connect before it listens, so owner and mode need not appear with it. We remove only what is
 * still ours.
 */
public final class UnixPath {

  private final Path path;
  private final String identity;
  private final int bornUid; // what it had from bind(2), before it was given to somebody
  private final int bornGid;

  private UnixPath(Path path, String identity, int bornUid, int bornGid) {
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
    Integer mode = settings.mode();
    Set<PosixFilePermission> permissions = permissions(mode == null ? 0666 : mode);
    try {
      narrow(fd, permissions);
      Files.deleteIfExists(path);
      Sockets.bind(fd, new UnixAddress.Path(path), endpoint);
      boolean complete = false;
      try {
        int bornUid = owner(path, "uid");
        int bornGid = owner(path, "gid");
        Integer uid = settings.uid();
        Integer gid = settings.gid();
        if (uid != null || gid != null) {
          Limits.changeOwner(path.toString(), uid == null ? -1 : uid, gid == null ? -1 : gid);
        }
        Files.setPosixFilePermissions(path, permissions);
        UnixPath bound = new UnixPath(path, identity(path), bornUid, bornGid);
        complete = true;
        return bound;
      } finally {
        if (!complete) {
          Files.deleteIfExists(path);
        }
      }
    } catch (ErrnoException e) {
      throw BindException.of(endpoint, e);
    } catch (IOException | IllegalArgumentException e) {
      throw new BindException(endpoint, "EIO", "bind " + endpoint + ": " + reason(e));
    }
  }

  /**
   * A datagram socket takes what comes as soon as it is bound: its file is to have no more rights
   * from birth, which it takes from the socket (Linux).
   */
  private static void narrow(OwnedFd fd, Set<PosixFilePermission> permissions) {
    try {
      Files.setPosixFilePermissions(Path.of("/proc/self/fd/" + fd.number()), permissions);
    } catch (IOException e) {
      // no /proc: then it is so when it is bound
    }
  }

  /** The one of an earlier life, if its file is still there. */
  static Optional<UnixPath> again(Path path, PathProof proof) {
    UnixPath again = adopt(path, proof);
    return again.isOurs() ? Optional.of(again) : Optional.empty();
  }

  private static String reason(Exception e) {
    return e instanceof NoSuchFileException missing
        ? "no directory for " + missing.getFile()
        : String.valueOf(e.getMessage());
  }

  /** The path of a socket that a broker before us made there. */
  public static UnixPath adopt(Path path, PathProof proof) {
    return new UnixPath(path, proof.identity(), proof.bornUid(), proof.bornGid());
  }

  /** By which it is known again. */
  public PathProof proof() {
    return new PathProof(identity, bornUid, bornGid);
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

  private static String identity(Path path) throws IOException {
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
