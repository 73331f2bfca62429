package dev.holdfast.varlink;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a stream of bytes into frames, each ended by a NUL. Feed what was read, then take frames
 * until there is none, then feed again. One thread.
 *
 * <p>The limit bounds what a peer can make this reader hold: a frame that is longer is refused when
 * its first byte too many is fed, and that byte is not stored.
 */
public final class FrameReader {
  private static final int INITIAL_CAPACITY = 1024;

  private int limit;
  private byte[] bytes = new byte[INITIAL_CAPACITY];
  private int head; // The first byte of the frame that comes next.
  private int scanned; // No NUL between head and here.
  private int tail;

  /** {@code limit}: how many bytes a frame may have, its NUL not counted. */
  public FrameReader(int limit) {
    limit(limit);
  }

  /** Another limit, for all frames that have not been taken yet. */
  public void limit(int bytesPerFrame) {
    if (bytesPerFrame < 1) {
      throw new IllegalArgumentException("limit " + bytesPerFrame);
    }
    limit = bytesPerFrame;
  }

  public int limit() {
    return limit;
  }

  /**
   * Stores all that remains of {@code from}.
   *
   * @throws ProtocolException if the frame that is under way is now longer than the limit; drop the
   *     connection, this reader is of no more use
   */
  public void feed(ByteBuffer from) throws ProtocolException {
    int unfinished = scan() ? 0 : tail - head;
    if (unfinished + (long) from.remaining() > limit && !endsWithin(from, limit - unfinished)) {
      throw tooLong();
    }
    reserve(from.remaining());
    int count = from.remaining();
    from.get(bytes, tail, count);
    tail += count;
  }

  /**
   * The next frame without its NUL, or null if none is complete. The buffer is a view with an
   * array, good until this reader is used again.
   *
   * @throws ProtocolException if the next frame is longer than the limit
   */
  public @Nullable ByteBuffer next() throws ProtocolException {
    boolean complete = scan();
    if (scanned - head > limit) {
      throw tooLong();
    }
    if (!complete) {
      return null;
    }
    ByteBuffer frame = ByteBuffer.wrap(bytes, head, scanned - head);
    head = scanned + 1;
    scanned = head;
    return frame;
  }

  /**
   * How many bytes came behind the last frame that was taken. On a connection where one call at a
   * time is the rule, more than zero while a call is being answered is a peer that pipelines.
   */
  public int waiting() {
    return tail - head;
  }

  /** The bytes behind the last frame that was taken; good until this reader is used again. */
  public ByteBuffer peek() {
    return ByteBuffer.wrap(bytes, head, tail - head);
  }

  /**
   * Gives back the memory of a large frame when nothing waits, so that an idle connection does not
   * keep it. A frame that was taken before is no good any more.
   */
  public void trim() {
    if (head == tail && bytes.length > INITIAL_CAPACITY) {
      bytes = new byte[INITIAL_CAPACITY];
      head = 0;
      scanned = 0;
      tail = 0;
    }
  }

  /** Whether a frame is complete: moves {@code scanned} to its NUL, or to the tail. */
  private boolean scan() {
    while (scanned < tail && bytes[scanned] != 0) {
      scanned++;
    }
    return scanned < tail;
  }

  /** Whether there is a NUL at one of the first {@code room} + 1 places. */
  private static boolean endsWithin(ByteBuffer from, int room) {
    int last = (int) Math.min(from.limit() - 1L, from.position() + (long) room);
    for (int i = from.position(); i <= last; i++) {
      if (from.get(i) == 0) {
        return true;
      }
    }
    return false;
  }

  private void reserve(int more) {
    if (head == tail) {
      head = 0;
      scanned = 0;
      tail = 0;
      if (bytes.length > INITIAL_CAPACITY && more <= INITIAL_CAPACITY) {
        // One large frame must not keep its memory for the life of the connection.
        bytes = new byte[INITIAL_CAPACITY];
      }
    }
    if (bytes.length - tail >= more) {
      return;
    }
    int waiting = tail - head;
    int needed = Math.addExact(waiting, more);
    byte[] target = needed <= bytes.length ? bytes : new byte[Math.max(needed, waiting * 2)];
    System.arraycopy(bytes, head, target, 0, waiting);
    bytes = target;
    scanned -= head;
    head = 0;
    tail = waiting;
  }

  private ProtocolException tooLong() {
    return new ProtocolException("a frame of more than " + limit + " bytes, which is the limit");
  }
}
