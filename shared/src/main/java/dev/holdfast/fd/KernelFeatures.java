package dev.holdfast.fd;

/** What this kernel offers, found out by asking it. None of the calls changes anything. */
public final class KernelFeatures {

  private KernelFeatures() {}

  /** pidfd_open(2): Linux 5.3. */
  public static boolean hasPidfdOpen() {
    try (Pidfd self = Pidfd.open(Limits.processId())) {
      return self.pid() > 0;
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** pidfd_getfd(2): Linux 5.6. Tried on this very process, which is always allowed. */
  public static boolean hasPidfdGetfd() {
    try (Pidfd self = Pidfd.open(Limits.processId())) {
      int number = self.fd().number();
      long copy = Libc.syscall(Libc.SYS_PIDFD_GETFD, number, number, 0, 0);
      if (copy < 0) {
        return false;
      }
      OwnedFd.own((int) copy).close();
      return true;
    } catch (ErrnoException e) {
      return false;
    }
  }

  /**
   * Whether we may take descriptors out of a process: the errno of pidfd_getfd(2) for its standard
   * input, 0 when it is permitted. The process sees nothing of it.
   */
  public static int refusalToTakeFrom(int pid) {
    try (Pidfd process = Pidfd.open(pid)) {
      process.dupOf(0).close();
      return 0;
    } catch (ErrnoException e) {
      return e.is(Errno.EBADF) ? 0 : e.errno(); // the right is looked at before the number
    }
  }

  /** close_range(2) with CLOSE_RANGE_CLOEXEC: Linux 5.11. Asked of a range that is always empty. */
  public static boolean hasCloseRange() {
    long most = 0xffffffffL;
    return Libc.syscall(Libc.SYS_CLOSE_RANGE, most, most, Libc.CLOSE_RANGE_CLOEXEC, 0) == 0;
  }

  /** EPOLLEXCLUSIVE: Linux 4.5. */
  public static boolean hasExclusiveWait() {
    try (Poller poller = Poller.open();
        OwnedFd socket = Sockets.openUnix(Sockets.Kind.STREAM)) {
      poller.add(socket, Poller.READABLE | Poller.EXCLUSIVE, "");
      poller.remove(socket);
      return true;
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** SO_PEERPIDFD: Linux 6.5. Asked on a connection from this process to itself. */
  public static boolean hasPeerPidfd() {
    int pid = Limits.processId();
    UnixAddress here = new UnixAddress.Abstract("holdfast-doctor-" + pid + "-" + System.nanoTime());
    try (UnixListener listener = UnixListener.bind(here, 1);
        UnixSocket socket = UnixSocket.connect(here)) {
      java.util.Optional<Pidfd> peer = socket.peerPidfd(pid);
      peer.ifPresent(Pidfd::close);
      return peer.isPresent() && listener.fd().isOpen();
    } catch (ErrnoException e) {
      return false;
    }
  }
}
