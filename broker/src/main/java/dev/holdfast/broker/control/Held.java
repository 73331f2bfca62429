package dev.holdfast.broker.control;

import java.util.HashMap;
import java.util.Map;

/**
 * Bounds what peers make the broker keep: bytes of frames that they have not finished, and of
 * replies that they have not read, descriptors that wait for the rest of their frame. A connection
 * has its own bounds; this one is for all of a user's together, so that many connections cannot
 * take what one may not. The loop's thread only.
 */
final class Held {

  /** What each connection may keep whatever the others do: all but the largest calls fit. */
  private static final int FREE = 8 << 10;

  private static final long MOST_OF_ONE_UID = 16 << 20;
  private static final long MOST_OF_ALL = 64 << 20;

  private static final int MOST_DESCRIPTORS_OF_ONE_UID = 128;
  private static final int MOST_DESCRIPTORS_OF_ALL = 512;

  private final Map<Integer, Long> byUid = new HashMap<>();
  private final Map<Integer, Integer> descriptorsByUid = new HashMap<>();
  private long all;
  private int allDescriptors;

  /**
   * Notes that a connection keeps another number of bytes than before.
   *
   * @return false when it must be closed for it
   */
  boolean change(int uid, int before, int after) {
    long difference = Math.max(0, after - FREE) - (long) Math.max(0, before - FREE);
    if (difference == 0) {
      return true;
    }
    all += difference;
    long ofUid = byUid.merge(uid, difference, Long::sum);
    if (ofUid == 0) {
      byUid.remove(uid);
    }
    return difference < 0 || (ofUid <= MOST_OF_ONE_UID && all <= MOST_OF_ALL);
  }

  /**
   * Notes that a connection keeps another number of descriptors than before. One for each
   * connection is free, as with {@link #change}: there are not more of them than may be open.
   *
   * @return false when it must be closed for it
   */
  boolean changeDescriptors(int uid, int before, int after) {
    int difference = Math.max(0, after - 1) - Math.max(0, before - 1);
    if (difference == 0) {
      return true;
    }
    allDescriptors += difference;
    int ofUid = descriptorsByUid.merge(uid, difference, Integer::sum);
    if (ofUid == 0) {
      descriptorsByUid.remove(uid);
    }
    return difference < 0
        || (ofUid <= MOST_DESCRIPTORS_OF_ONE_UID && allDescriptors <= MOST_DESCRIPTORS_OF_ALL);
  }
}
