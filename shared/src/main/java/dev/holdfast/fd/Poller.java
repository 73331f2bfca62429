package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * epoll(7). One thread adds, removes and waits; only {@link #wake()} may be called by others.
 *
 * <p>Registrations belong to the open file description: {@link #remove} must come before the
 * descriptor is closed, or events go on firing for as long as another process holds the
 * description.
 */
public final class Poller implements AutoCloseable {

  public static final int READABLE = 0x1;
  public static final int WRITABLE = 0x4;
  public static final int ERROR = 0x8;
  public static final int HANGUP = 0x10;

  /**
   * Wakes one of the waiters on the same description instead of all (EPOLLEXCLUSIVE, Linux 4.5).
   * Only with {@link #add}.
   */
  public static final int EXCLUSIVE = 1 << 28;

  /**
   * What happened: the object given at {@link Poller#add}, the events, and which registration it
   * was.
   */
  public record Ready(Object attachment, int events, int number, int stamp) {
    public boolean has(int event) {
      return (events & event) != 0;
    }
  }

  private static final int CAPACITY = 64;
  // struct epoll_event is packed on x86-64 only (epoll_ctl(2), eventpoll.h): 4 + 8 bytes there, 8 +
  // 8 elsewhere.
  private static final boolean PACKED =
      System.getProperty("os.arch", "").equals("amd64")
          || System.getProperty("os.arch", "").equals("x86_64");
  static final int DATA = PACKED ? 4 : 8;
  private static final int ROW = DATA + 8;

  private final OwnedFd epoll;
  private final OwnedFd waker;
  private final Memory rows = new Memory((long) ROW * CAPACITY);
  private final ByteBuffer view = rows.getByteBuffer(0, rows.size()).order(ByteOrder.nativeOrder());
  private final Memory one = new Memory(16);
  private final Memory count = new Memory(8);
  private Object[] attachments = new Object[64]; // by descriptor number
  private int[] generations = new int[64];
  private int generation;

  private Poller(OwnedFd epoll, OwnedFd waker) {
    this.epoll = epoll;
    this.waker = waker;
  }

  public static Poller open() throws ErrnoException {
    int epoll = Libc.epoll_create1(Libc.O_CLOEXEC);
    if (epoll < 0) {
      throw ErrnoException.last("epoll_create1", "");
    }
    int waker = Libc.eventfd(0, Libc.O_CLOEXEC | Libc.O_NONBLOCK);
    if (waker < 0) {
      ErrnoException failure = ErrnoException.last("eventfd", "");
      int unused = Libc.close(epoll);
      throw failure;
    }
    Poller poller = new Poller(OwnedFd.own(epoll), OwnedFd.own(waker));
    poller.add(poller.waker, READABLE, poller);
    return poller;
  }

  /**
   * Watches a descriptor, which stays its owner's. Hang-ups and errors are reported whatever events
   * says.
   */
  public void add(OwnedFd fd, int events, Object attachment) throws ErrnoException {
    int number = fd.number();
    if (number >= attachments.length) {
      int length = Math.max(number + 1, attachments.length * 2);
      attachments = java.util.Arrays.copyOf(attachments, length);
      generations = java.util.Arrays.copyOf(generations, length);
    }
    int stamp = ++generation;
    control(Libc.EPOLL_CTL_ADD, number, events, stamp);
    attachments[number] = attachment;
    generations[number] = stamp;
  }

  public void modify(OwnedFd fd, int events) throws ErrnoException {
    control(Libc.EPOLL_CTL_MOD, fd.number(), events, generations[fd.number()]);
  }

  /**
   * Stops watching. Events of this descriptor that were already fetched are not reported any more.
   */
  @SuppressWarnings("NullAway") // a free slot of the table is null
  public void remove(OwnedFd fd) throws ErrnoException {
    int number = fd.number();
    generations[number] = 0;
    attachments[number] = null;
    control(Libc.EPOLL_CTL_DEL, number, 0, 0);
  }

  /**
   * Like {@link #remove}, for a descriptor that the caller closes now and whose description nobody
   * else has: then close(2) removes it from epoll too, without a call of its own.
   */
  @SuppressWarnings("NullAway") // a free slot of the table is null
  public void forget(OwnedFd fd) {
    int number = fd.number();
    generations[number] = 0;
    attachments[number] = null;
  }

  private void control(int operation, int fd, int events, int stamp) throws ErrnoException {
    one.setInt(0, events);
    // The stamp tells a registration from a later one on the same number, whose events may wait in
    // the same batch.
    one.setLong(DATA, ((long) stamp << 32) | fd);
    if (Libc.epoll_ctl(epoll.number(), operation, fd, one) < 0) {
      throw ErrnoException.last("epoll_ctl", "descriptor " + fd);
    }
  }

  /**
   * Waits until something is ready, {@link #wake()} is called, or the time is over; null waits for
   * ever. The only blocking call.
   */
  public List<Ready> await(@Nullable Duration atMost) throws ErrnoException {
    int millis = atMost == null ? -1 : Waits.millis(atMost);
    int ready = Libc.epoll_wait(epoll.number(), rows, CAPACITY, millis);
    if (ready < 0) {
      if (Libc.errno() == Errno.EINTR) {
        return List.of();
      }
      throw ErrnoException.last("epoll_wait", "");
    }
    List<Ready> result = new ArrayList<>(ready);
    for (int i = 0; i < ready; i++) {
      int events = view.getInt(i * ROW);
      long data = view.getLong(i * ROW + DATA);
      int number = (int) data;
      if (number == waker.number()) {
        long unused = Libc.read(number, count, 8);
      } else if (generations[number] == (int) (data >>> 32)) {
        result.add(new Ready(attachments[number], events, number, generations[number]));
      }
    }
    return result;
  }

  /**
   * Whether the registration behind a fetched event still stands; a handler of the same batch may
   * have removed it.
   */
  public boolean isCurrent(Ready ready) {
    return generations[ready.number()] == ready.stamp();
  }

  /** Makes the waiting thread return from {@link #await}; from any thread. */
  public void wake() {
    Pointer one64 = Ones.ONE;
    long unused = Libc.write(waker.number(), one64, 8);
  }

  @Override
  public void close() {
    epoll.close();
    waker.close();
  }

  private static final class Ones {
    static final Memory ONE = one();

    private static Memory one() {
      Memory memory = new Memory(8);
      memory.setLong(0, 1);
      return memory;
    }
  }
}
