package dev.holdfast.broker.core;

import org.jspecify.annotations.Nullable;

/**
 * What tells one socket from all others of this boot, whoever holds it.
 *
 * @param inode its number on sockfs, as links in /proc/PID/fd have it; 0 where it is not known
 * @param cookie SO_COOKIE, never given to another socket; 0 where it is not known
 * @param path the file of a Unix socket that was bound to a path; null for others
 */
public record SocketProof(long inode, long cookie, @Nullable PathProof path) {

  /** Proves nothing. */
  public static final SocketProof NONE = new SocketProof(0, 0, null);

  /**
   * The file of a Unix socket.
   *
   * @param identity inode and device, as the floor of sockets writes them
   * @param bornUid what it belonged to before it was given to somebody
   */
  public record PathProof(String identity, int bornUid, int bornGid) {}
}
