package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * A bound datagram socket of the file system, non-blocking, to which messages and descriptors are
 * sent (sd_notify(3)). Owns the descriptor and the path. One thread.
 */
public final class NotifyListener implements AutoCloseable {

  /** SCM_MAX_FD (unix(7)): the most that one message can carry. */
  private static final int MOST_DESCRIPTORS = 253;

  private static final int MESSAGE = 56; // struct msghdr
  private static final int VECTOR = 16; // struct iovec
  private static final int HEADER = 16; // struct cmsghdr
  private static final int CONTROL = HEADER + MOST_DESCRIPTORS * 4 + 4;

  private final OwnedFd fd;
  private final String path;

  private NotifyListener(OwnedFd fd, String path) {
    this.fd = fd;
    this.path = path;
  }

  /**
   * Makes the socket. Nobody has more rights to it than the mode gives, at no time.
   *
   * @param uid whose it will be; no chown(2) is tried where it and the gid are ours already
   * @throws ErrnoException EADDRINUSE where the path exists; EPERM where we may not give it away
   */
  public static NotifyListener bind(Path path, int mode, int uid, int gid) throws ErrnoException {
    UnixAddress.Path address = new UnixAddress.Path(path);
    String name = path.toString();
    int type = Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK;
    int number = Libc.socket(Libc.AF_UNIX, type, 0);
    if (number < 0) {
      throw ErrnoException.last("socket", name);
    }
    NotifyListener listener = new NotifyListener(OwnedFd.own(number), name);
    boolean bound = false;
    try {
      // The new file takes its mode from the socket (Linux), so there is no moment with another.
      if (NotifyLibc.fchmod(number, mode) < 0) {
        throw ErrnoException.last("fchmod", name);
      }
      Sockets.bind(listener.fd, address, name);
      bound = true;
      if (uid != Libc.geteuid() || gid != NotifyLibc.getegid()) {
        Limits.changeOwner(name, uid, gid);
      }
      if (NotifyLibc.chmod(name, mode) < 0) { // what the umask took
        throw ErrnoException.last("chmod", name);
      }
      return listener;
    } catch (ErrnoException e) {
      if (bound) {
        listener.close();
      } else {
        listener.fd.close(); // the path is somebody else's
      }
      throw e;
    }
  }

  /** Takes over a socket that another process had bound; its path goes along. */
  public static NotifyListener adopt(Path path, OwnedFd moved) {
    return new NotifyListener(moved, path.toString());
  }

  /** Where it is bound. */
  public Path path() {
    return Path.of(path);
  }

  /** The descriptor, for a {@link Poller}; still owned by this object. */
  public OwnedFd fd() {
    return fd;
  }

  /**
   * Takes one datagram; what does not fit into the room is lost. Descriptors that came along are
   * close-on-exec and belong to the consumer, which is called before this returns.
   *
   * @return the length of the datagram, above the room when it was cut; -1 when none waits
   * @throws TruncatedDescriptorsException when descriptors were cut short, for we have too many
   *     open; those that arrived are closed, and the datagram is gone
   */
  public int receive(ByteBuffer room, Consumer<OwnedFd> descriptors) throws IOException {
    int size = room.remaining();
    try (Memory message = new Memory(MESSAGE + VECTOR);
        Memory control = new Memory(CONTROL);
        Memory bytes = new Memory(Math.max(1, size))) {
      message.clear();
      message.setPointer(16, message.share(MESSAGE));
      message.setLong(24, 1);
      message.setPointer(32, control);
      message.setLong(40, CONTROL);
      message.setPointer(MESSAGE, bytes);
      message.setLong(MESSAGE + 8, size);
      long length;
      do {
        length = Libc.recvmsg(fd.number(), message, Libc.MSG_CMSG_CLOEXEC | NotifyLibc.MSG_TRUNC);
      } while (length < 0 && Libc.errno() == Errno.EINTR);
      if (length < 0) {
        int errno = Libc.errno();
        if (errno == Errno.EAGAIN) {
          return -1;
        }
        throw new ErrnoException("recvmsg", path, errno);
      }
      List<OwnedFd> arrived = descriptors(control, (int) message.getLong(40));
      if ((message.getInt(48) & Libc.MSG_CTRUNC) != 0) {
        arrived.forEach(OwnedFd::close);
        throw new TruncatedDescriptorsException(arrived.size());
      }
      room.put(bytes.getByteBuffer(0, Math.min(length, size)));
      arrived.forEach(descriptors);
      return (int) length;
    }
  }

  private static List<OwnedFd> descriptors(Memory control, int length) {
    List<OwnedFd> arrived = new ArrayList<>();
    int at = 0;
    while (at + HEADER <= length) {
      int size = (int) control.getLong(at);
      if (size < HEADER) {
        break;
      }
      if (control.getInt(at + 8L) == Libc.SOL_SOCKET
          && control.getInt(at + 12L) == Libc.SCM_RIGHTS) {
        for (int i = at + HEADER; i + 4 <= Math.min(at + size, length); i += 4) {
          arrived.add(OwnedFd.own(control.getInt(i)));
        }
      }
      at += (size + 7) & ~7;
    }
    return arrived;
  }

  /** Closes the socket, and leaves its path to whoever else holds it. */
  public void letGo() {
    fd.close();
  }

  /** Closes the socket and removes its path. A second call does nothing. */
  @Override
  public void close() {
    if (fd.isOpen()) {
      int unused = NotifyLibc.unlink(path);
      fd.close();
    }
  }
}
