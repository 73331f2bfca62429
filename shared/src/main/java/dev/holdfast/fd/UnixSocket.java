package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A connected Unix stream socket that can carry descriptors. Owns its descriptor.
 *
 * <p>Descriptors are sent by junixsocket and received by recvmsg(2): junixsocket's own receiving
 * leaks above 60 descriptors, does not set close-on-exec, and closes what was received when the
 * socket is collected as garbage. One thread at a time, except for {@link #close()}.
 */
public final class UnixSocket implements AutoCloseable {

  /** SCM_MAX_FD (unix(7)): the most that one message can carry. */
  private static final int MOST_DESCRIPTORS = 253;

  private static final int CONTROL_LENGTH = 16 + MOST_DESCRIPTORS * 4 + 4;
  private static final int SCRATCH = 64 * 1024;

  private final OwnedFd fd;
  private int controlRoom = CONTROL_LENGTH;

  UnixSocket(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Connects, in blocking mode.
   *
   * @throws ErrnoException ENOENT or ECONNREFUSED where nobody listens, EACCES where the path may
   *     not be reached, EAGAIN where the accept queue is full
   */
  public static UnixSocket connect(UnixAddress address) throws ErrnoException {
    int number = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0);
    if (number < 0) {
      throw ErrnoException.last("socket", address.toString());
    }
    OwnedFd fd = OwnedFd.own(number);
    SocketAddresses.Encoded encoded = SocketAddresses.encode(address);
    while (Libc.connect(number, encoded.memory(), encoded.length()) < 0) {
      if (Libc.errno() != Errno.EINTR) {
        ErrnoException failure = ErrnoException.last("connect", address.toString());
        fd.close();
        throw failure;
      }
    }
    return new UnixSocket(fd);
  }

  /** Takes over a connected socket, for example one that a parent left us. */
  public static UnixSocket adopt(OwnedFd moved) {
    return new UnixSocket(moved);
  }

  /** The descriptor, for a {@link Poller}; still owned by this socket. */
  public OwnedFd fd() {
    return fd;
  }

  /**
   * Receives no more descriptors in one message than this: the kernel drops the rest before they
   * are ours, and the message counts as cut short. For peers that have no business sending more.
   */
  public void acceptAtMost(int descriptors) {
    controlRoom = Math.min(CONTROL_LENGTH, 16 + (descriptors + 1) / 2 * 8);
  }

  /**
   * Receives what there is, at most what fits. Every descriptor that came along is close-on-exec
   * from birth (MSG_CMSG_CLOEXEC) and belongs to the consumer.
   *
   * @return how many bytes; 0 when it would block; -1 at the end
   * @throws TruncatedDescriptorsException when descriptors were cut short; those that arrived are
   *     closed
   */
  public int receive(ByteBuffer into, Consumer<OwnedFd> descriptors) throws IOException {
    Scratch scratch = Scratch.OF_THREAD.get();
    int room = Math.min(into.remaining(), SCRATCH);
    long got;
    do {
      scratch.prepareReceive(room, controlRoom);
      got = Libc.recvmsg(fd.number(), scratch.message, Libc.MSG_CMSG_CLOEXEC);
    } while (got < 0 && Libc.errno() == Errno.EINTR);
    if (got < 0) {
      int errno = Libc.errno();
      if (errno == Errno.EAGAIN) {
        return 0;
      }
      throw new ErrnoException("recvmsg", "Unix socket", errno);
    }
    scratch.handOver(descriptors);
    if (got == 0) {
      return room == 0 ? 0 : -1;
    }
    scratch.bytesView.clear().limit((int) got);
    into.put(scratch.bytesView);
    return (int) got;
  }

  /**
   * Sends as many of the bytes as the socket takes now. The descriptors are borrowed, and go with
   * the first byte, in one SCM_RIGHTS block; when 0 is returned they have not gone either.
   *
   * @return how many bytes went; 0 when it would block
   * @throws ErrnoException EPIPE or ECONNRESET when the peer is gone; ETOOMANYREFS when too many
   *     descriptors are in flight
   */
  public int send(ByteBuffer bytes, List<OwnedFd> borrowed) throws IOException {
    if (!bytes.hasRemaining()) {
      return 0;
    }
    if (!borrowed.isEmpty()) {
      return RightsSender.send(fd, bytes, borrowed);
    }
    Scratch scratch = Scratch.OF_THREAD.get();
    int length = Math.min(bytes.remaining(), SCRATCH);
    ByteBuffer slice = bytes.slice(bytes.position(), length);
    scratch.bytesView.clear();
    scratch.bytesView.put(slice);
    long sent;
    do {
      sent = Libc.send(fd.number(), scratch.bytes, length, Libc.MSG_NOSIGNAL);
    } while (sent < 0 && Libc.errno() == Errno.EINTR);
    if (sent < 0) {
      int errno = Libc.errno();
      if (errno == Errno.EAGAIN) {
        return 0;
      }
      throw new ErrnoException("send", "Unix socket", errno);
    }
    bytes.position(bytes.position() + (int) sent);
    return (int) sent;
  }

  /**
   * Waits until there is something to receive (or the end); false when the time is over. Null waits
   * for ever.
   */
  public boolean awaitReadable(@Nullable Duration atMost) {
    return Polling.await(fd.number(), Libc.POLLIN, atMost);
  }

  public boolean awaitWritable(@Nullable Duration atMost) {
    return Polling.await(fd.number(), Libc.POLLOUT, atMost);
  }

  public void setNonBlocking(boolean on) throws ErrnoException {
    Sockets.setNonBlocking(fd, on);
  }

  /**
   * Who connected, or who listens: recorded by the kernel at connect(2) and listen(2). Reads the
   * supplementary groups too.
   */
  public PeerCredentials peerCredentials() throws ErrnoException {
    Scratch scratch = Scratch.OF_THREAD.get();
    Memory value = scratch.option;
    scratch.option(fd, Libc.SO_PEERCRED, 12, "SO_PEERCRED");
    int pid = value.getInt(0);
    int uid = value.getInt(4);
    int gid = value.getInt(8);
    List<Integer> groups = new ArrayList<>();
    int bytes = scratch.optionIfKnown(fd, Libc.SO_PEERGROUPS, (int) value.size());
    for (int i = 0; i + 4 <= bytes; i += 4) {
      groups.add(value.getInt(i));
    }
    return new PeerCredentials(pid, uid, gid, groups);
  }

  /**
   * A pidfd of the process that connected, owned by the caller; empty when that process is gone.
   *
   * <p>SO_PEERPIDFD names exactly that process (Linux 6.5). Before, it is opened by number, which
   * means another process if the peer ended and its pid was given away since it connected.
   *
   * @param pid from {@link #peerCredentials}
   * @throws ErrnoException EMFILE or ENFILE when there is no descriptor for it
   */
  public Optional<Pidfd> peerPidfd(int pid) throws ErrnoException {
    Scratch scratch = Scratch.OF_THREAD.get();
    int length = scratch.optionIfKnown(fd, Libc.SO_PEERPIDFD, 4);
    if (length == 4) {
      return Optional.of(Pidfd.wrap(OwnedFd.own(scratch.option.getInt(0)), pid));
    }
    int errno = Libc.errno();
    if (errno == Errno.EMFILE || errno == Errno.ENFILE) {
      throw new ErrnoException("getsockopt SO_PEERPIDFD", "pid " + pid, errno);
    }
    if (errno != Errno.ENOPROTOOPT || pid <= 0) {
      return Optional.empty();
    }
    try {
      return Optional.of(Pidfd.open(pid));
    } catch (ErrnoException e) {
      if (e.is(Errno.ESRCH)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Ends both directions: the peer sees the end, and a thread that waits in {@link #awaitReadable}
   * or {@link #awaitWritable} wakes, which it would not by {@link #close()}. The descriptor stays
   * open. Any thread, as long as none closes it meanwhile.
   */
  public void shutdown() {
    // ENOTCONN, when the peer went first, is as good: everybody is awake then too.
    int unused = Libc.shutdown(fd.number(), Libc.SHUT_RDWR);
  }

  @Override
  public void close() {
    fd.close();
  }

  /**
   * Native memory for one thread's calls: struct msghdr (56 bytes), struct iovec (16), control and
   * bytes.
   */
  private static final class Scratch {
    static final ThreadLocal<Scratch> OF_THREAD = ThreadLocal.withInitial(Scratch::new);

    final Memory message = new Memory(56);
    final Memory vector = new Memory(16);
    final Memory control = new Memory(CONTROL_LENGTH);
    final Memory bytes = new Memory(SCRATCH);
    final Memory option = new Memory(4096);
    final Memory optionLength = new Memory(4);
    final ByteBuffer bytesView = bytes.getByteBuffer(0, SCRATCH);
    final ByteBuffer messageView = message.getByteBuffer(0, 56).order(ByteOrder.nativeOrder());
    final ByteBuffer vectorView = vector.getByteBuffer(0, 16).order(ByteOrder.nativeOrder());
    final ByteBuffer controlView =
        control.getByteBuffer(0, CONTROL_LENGTH).order(ByteOrder.nativeOrder());

    Scratch() {
      message.clear();
      message.setPointer(16, vector);
      message.setLong(24, 1);
      message.setPointer(32, control);
      vector.setPointer(0, bytes);
    }

    void prepareReceive(int room, int controlRoom) {
      vectorView.putLong(8, room);
      messageView.putLong(40, controlRoom);
      messageView.putInt(48, 0);
    }

    void handOver(Consumer<OwnedFd> descriptors) throws TruncatedDescriptorsException {
      int length = (int) messageView.getLong(40);
      boolean truncated = (messageView.getInt(48) & Libc.MSG_CTRUNC) != 0;
      if (length == 0 && !truncated) {
        return;
      }
      List<OwnedFd> arrived = new ArrayList<>();
      int at = 0;
      while (at + 16 <= length) {
        int size = (int) controlView.getLong(at);
        if (size < 16) {
          break;
        }
        if (controlView.getInt(at + 8) == Libc.SOL_SOCKET
            && controlView.getInt(at + 12) == Libc.SCM_RIGHTS) {
          for (int i = at + 16; i + 4 <= Math.min(at + size, length); i += 4) {
            arrived.add(OwnedFd.own(controlView.getInt(i)));
          }
        }
        at += (size + 7) & ~7;
      }
      if (truncated) {
        arrived.forEach(OwnedFd::close);
        throw new TruncatedDescriptorsException(arrived.size());
      }
      arrived.forEach(descriptors);
    }

    void option(OwnedFd fd, int option, int length, String name) throws ErrnoException {
      optionLength.setInt(0, length);
      if (Libc.getsockopt(fd.number(), Libc.SOL_SOCKET, option, this.option, optionLength) < 0) {
        throw ErrnoException.last("getsockopt " + name, "Unix socket");
      }
    }

    /** How many bytes the option has; 0 where the kernel does not know it or has nothing to say. */
    int optionIfKnown(OwnedFd fd, int option, int length) {
      optionLength.setInt(0, length);
      Pointer value = this.option;
      return Libc.getsockopt(fd.number(), Libc.SOL_SOCKET, option, value, optionLength) < 0
          ? 0
          : optionLength.getInt(0);
    }
  }
}
