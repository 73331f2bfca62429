package dev.holdfast.varlink;

import dev.holdfast.fd.OwnedFd;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/**
 * The descriptors that arrived on a connection and belong to no message yet. Owns them until they
 * are taken. Holds no more than one message may carry, because only one message can be under way; a
 * surplus is closed as it arrives, and the next take fails. One thread.
 */
public final class DescriptorQueue implements AutoCloseable {
  private final Deque<OwnedFd> waiting = new ArrayDeque<>();
  private final int most;
  private final Consumer<OwnedFd> closer;
  private int surplus;

  /** For the most that a message may carry, each closed at once when it is not wanted. */
  public DescriptorQueue() {
    this(DeclaredDescriptors.MOST, OwnedFd::close);
  }

  /**
   * A queue for messages that carry fewer, or for a thread that must not block in close(2).
   *
   * @param most how many may wait
   * @param closer takes ownership of those that are not wanted, and closes them
   */
  public DescriptorQueue(int most, Consumer<OwnedFd> closer) {
    this.most = most;
    this.closer = closer;
  }

  /** Takes ownership, always. Never throws, so that it can stand where descriptors arrive. */
  public void add(OwnedFd moved) {
    if (waiting.size() < most) {
      waiting.add(moved);
    } else {
      closer.accept(moved);
      surplus++;
    }
  }

  /** How many wait. */
  public int size() {
    return waiting.size();
  }

  /**
   * The next {@code count} descriptors, in the order in which they arrived; the caller owns them.
   *
   * @throws ProtocolException if there are fewer, or there were more than a message may carry; then
   *     all are closed
   */
  public List<OwnedFd> take(int count) throws ProtocolException {
    if (surplus > 0 || waiting.size() < count) {
      throw refuse(count);
    }
    List<OwnedFd> taken = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      taken.add(waiting.remove());
    }
    return taken;
  }

  /**
   * All descriptors, of which there must be {@code count}; the caller owns them.
   *
   * @throws ProtocolException if there are fewer or more; then all are closed
   */
  public List<OwnedFd> takeExactly(int count) throws ProtocolException {
    if (waiting.size() > count) {
      throw refuse(count);
    }
    return take(count);
  }

  /**
   * Holds that none wait.
   *
   * @throws ProtocolException if there are some; then all are closed
   */
  public void requireEmpty() throws ProtocolException {
    if (surplus > 0 || !waiting.isEmpty()) {
      throw refuse(0);
    }
  }

  private ProtocolException refuse(int declared) {
    int came = waiting.size() + surplus;
    close();
    return new ProtocolException(came + " descriptors came, the message declares " + declared);
  }

  /** Closes all that wait. The queue can be used again. */
  @Override
  public void close() {
    waiting.forEach(closer);
    waiting.clear();
    surplus = 0;
  }
}
