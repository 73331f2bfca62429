package dev.holdfast.broker.control;

import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The descriptors that callers stored, and those that they brought back until the state has decided
 * on them. Owns them.
 */
public final class StoredDescriptors implements AutoCloseable {

  private final Map<Long, OwnedFd> byId = new HashMap<>();
  private final Closing closing;
  private long lastId;

  StoredDescriptors(Closing closing) {
    this.closing = closing;
  }

  /** Takes ownership; the result is our number for it. */
  long keep(OwnedFd moved) {
    byId.put(++lastId, moved);
    return lastId;
  }

  /** Takes ownership, under a number that an earlier broker gave; ours go on above it. */
  public void put(long id, OwnedFd moved) {
    OwnedFd before = byId.put(id, moved);
    if (before != null) {
      closing.close(before);
    }
    lastId = Math.max(lastId, id);
  }

  /** Moves it to the caller. */
  public Optional<OwnedFd> take(long id) {
    return Optional.ofNullable(byId.remove(id));
  }

  /** All by number, borrowed. */
  public Map<Long, OwnedFd> all() {
    return Map.copyOf(byId);
  }

  /** Borrows it. */
  public Optional<OwnedFd> get(long id) {
    return Optional.ofNullable(byId.get(id));
  }

  void discard(long id) {
    OwnedFd fd = byId.remove(id);
    if (fd != null) {
      closing.close(fd);
    }
  }

  /** What is behind a descriptor, as the wire names it. */
  static String kind(OwnedFd fd) throws IOException {
    return switch (fd.fileType()) {
      case 0140000 -> "socket";
      case 0100000 -> "file";
      case 0040000 -> "directory";
      case 0010000 -> "pipe";
      case 0020000, 0060000 -> "device";
      default -> "other";
    };
  }

  /** Closes all of ours; a successor has its own. */
  @Override
  public void close() {
    byId.values().forEach(closing::close);
    byId.clear();
  }
}
