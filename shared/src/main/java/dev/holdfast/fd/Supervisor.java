package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Tells whoever supervises this process how it is, as sd_notify(3) does: one datagram to
 * $NOTIFY_SOCKET.
 */
public final class Supervisor {

  private static final int MESSAGE = 56; // struct msghdr
  private static final int VECTOR = 16; // struct iovec
  private static final int CONTROL = 24; // struct cmsghdr with one descriptor, padded

  private Supervisor() {}

  /**
   * Sends lines such as {@code READY=1}; does nothing when the address is empty.
   *
   * @param address the value of NOTIFY_SOCKET: a path, or {@code @} and an abstract name
   * @param atMost how long a supervisor is waited for whose queue is full, as it is after a few
   *     datagrams (net.unix.max_dgram_qlen) that it has not yet had the time to read
   * @throws ErrnoException EAGAIN when its queue was full for all that time
   */
  public static void tell(String address, String lines, Duration atMost) throws ErrnoException {
    if (!address.isEmpty()) {
      send(address, lines, null, atMost);
    }
  }

  /** The same with a descriptor, which is borrowed; as {@code FDSTORE=1} wants it. */
  public static void tell(String address, String lines, OwnedFd borrowed, Duration atMost)
      throws ErrnoException {
    if (!address.isEmpty()) {
      send(address, lines, borrowed, atMost);
    }
  }

  private static void send(
      String address, String lines, @Nullable OwnedFd borrowed, Duration atMost)
      throws ErrnoException {
    int type = Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK;
    int number = Libc.socket(Libc.AF_UNIX, type, 0);
    if (number < 0) {
      throw ErrnoException.last("socket", "NOTIFY_SOCKET");
    }
    byte[] text = lines.getBytes(StandardCharsets.UTF_8);
    try (OwnedFd fd = OwnedFd.own(number);
        Memory bytes = new Memory(text.length)) {
      SocketAddresses.Encoded encoded = SocketAddresses.encode(UnixAddress.parse(address));
      bytes.write(0, text, 0, text.length);
      if (Libc.connect(fd.number(), encoded.memory(), encoded.length()) < 0) {
        throw ErrnoException.last("connect to NOTIFY_SOCKET", address);
      }
      send(fd, bytes, borrowed, address, atMost);
    }
  }

  private static void send(
      OwnedFd fd, Memory bytes, @Nullable OwnedFd borrowed, String address, Duration atMost)
      throws ErrnoException {
    long end = System.nanoTime() + atMost.toNanos();
    try (Memory message = new Memory(MESSAGE + VECTOR);
        Memory control = new Memory(CONTROL)) {
      message.clear();
      message.setPointer(16, message.share(MESSAGE));
      message.setLong(24, 1);
      message.setPointer(MESSAGE, bytes);
      message.setLong(MESSAGE + 8, bytes.size());
      if (borrowed != null) {
        control.clear();
        control.setLong(0, 20); // the header and one int
        control.setInt(8, Libc.SOL_SOCKET);
        control.setInt(12, Libc.SCM_RIGHTS);
        control.setInt(16, borrowed.number());
        message.setPointer(32, control);
        message.setLong(40, CONTROL);
      }
      while (SupervisorLibc.sendmsg(fd.number(), message, Libc.MSG_NOSIGNAL) < 0) {
        int errno = Libc.errno();
        Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
        if (errno != Errno.EAGAIN || !Polling.await(fd.number(), Libc.POLLOUT, left)) {
          throw new ErrnoException("send to NOTIFY_SOCKET", address, errno);
        }
      }
    }
  }
}
