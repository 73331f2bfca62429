package dev.holdfast.fd;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * The C library's calls, mapped directly (no proxy and no reflection for each call).
 *
 * <p>Each returns what its man page says; the errno of a failed call is read by {@link #errno()} on
 * the same thread before any other call. Structures are laid out by hand, for the 64-bit Linux ABI;
 * that is also why {@code ssize_t} is a plain long.
 */
final class Libc {

  static final int AF_UNIX = 1;
  static final int AF_INET = 2;
  static final int AF_INET6 = 10;
  static final int SOCK_STREAM = 1;
  static final int SOCK_DGRAM = 2;
  static final int SOCK_SEQPACKET = 5;
  static final int SOCK_NONBLOCK = 0x800;
  static final int SOCK_CLOEXEC = 0x80000;

  static final int SOL_SOCKET = 1;
  static final int SO_TYPE = 3;
  static final int SO_PEERCRED = 17;
  static final int SO_BINDTODEVICE = 25;
  static final int SO_ACCEPTCONN = 30;
  static final int SO_PROTOCOL = 38;
  static final int SO_DOMAIN = 39;
  static final int SO_MEMINFO = 55;
  static final int SO_COOKIE = 57;
  static final int SO_PEERGROUPS = 59;
  static final int SO_PEERPIDFD = 77;
  static final int IPPROTO_TCP = 6;
  static final int TCP_INFO = 11;
  static final int SCM_RIGHTS = 1;

  static final int MSG_CTRUNC = 0x8;
  static final int MSG_NOSIGNAL = 0x4000;
  static final int MSG_CMSG_CLOEXEC = 0x40000000;

  static final int F_GETFD = 1;
  static final int F_SETFD = 2;
  static final int F_GETFL = 3;
  static final int F_SETFL = 4;
  static final int F_DUPFD_CLOEXEC = 1030;
  static final int FD_CLOEXEC = 1;
  static final int O_RDONLY = 0;
  static final int O_NONBLOCK = 0x800;
  static final int O_CLOEXEC = 0x80000;
  static final int AT_FDCWD = -100;
  static final int AT_EACCESS = 0x200;
  static final int F_OK = 0;
  static final int X_OK = 1;

  static final int EPOLL_CTL_ADD = 1;
  static final int EPOLL_CTL_DEL = 2;
  static final int EPOLL_CTL_MOD = 3;

  static final short POLLIN = 1;
  static final short POLLOUT = 4;

  static final int O_CREAT = 0x40;
  static final int O_RDWR = 2;
  static final int O_NOFOLLOW = OpenFlags.HERE.noFollow();
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;

  static final int RLIMIT_NOFILE = 7;
  static final int WNOHANG = 1;
  static final int SIG_SETMASK = 2;
  static final int SHUT_RDWR = 2;

  // Without a wrapper in the glibc versions we run on; one number on every architecture
  // (asm-generic).
  static final long SYS_PIDFD_SEND_SIGNAL = 424;
  static final long SYS_PIDFD_OPEN = 434;
  static final long SYS_CLOSE_RANGE = 436;
  static final long SYS_PIDFD_GETFD = 438;
  static final int CLOSE_RANGE_CLOEXEC = 4;

  static {
    // The C library is in the process already; to look for it by name, JNA would start ldconfig(8).
    Native.register(Libc.class, NativeLibrary.getProcess());
  }

  private Libc() {}

  static int errno() {
    return Native.getLastError();
  }

  static native int socket(int domain, int type, int protocol);

  static native int bind(int fd, Pointer address, int length);

  static native int listen(int fd, int backlog);

  static native int accept4(int fd, @Nullable Pointer address, @Nullable Pointer length, int flags);

  static native int connect(int fd, Pointer address, int length);

  static native int shutdown(int fd, int how);

  static native int getsockopt(int fd, int level, int option, Pointer value, Pointer length);

  static native int setsockopt(int fd, int level, int option, Pointer value, int length);

  static native int getsockname(int fd, Pointer address, Pointer length);

  static native long recvmsg(int fd, Pointer message, int flags);

  static native long send(int fd, Pointer bytes, long length, int flags);

  static native long read(int fd, Pointer bytes, long length);

  static native long write(int fd, Pointer bytes, long length);

  static native int close(int fd);

  static native int dup2(int from, int to);

  static native int dup3(int from, int to, int flags);

  static native int fcntl(int fd, int command, long argument);

  static native int poll(Pointer fds, long count, int timeoutMillis);

  static native int epoll_create1(int flags);

  static native int epoll_ctl(int epoll, int operation, int fd, Pointer event);

  static native int epoll_wait(int epoll, Pointer events, int capacity, int timeoutMillis);

  static native int eventfd(int initial, int flags);

  static native int open(String path, int flags, int mode);

  static native int flock(int fd, int operation);

  static native int faccessat(int directory, Pointer path, int mode, int flags);

  static native long pread(int fd, Pointer bytes, long length, long offset);

  static native int statx(int directory, String path, int flags, int mask, Pointer result);

  static native int getrlimit(int resource, Pointer limit);

  static native int setrlimit(int resource, Pointer limit);

  static native int getpid();

  static native int geteuid();

  static native int waitpid(int pid, Pointer status, int options);

  static native int sigprocmask(int how, Pointer set, @Nullable Pointer previous);

  static native Pointer signal(int signo, @Nullable Pointer handler);

  static native int execve(Pointer path, Pointer argv, Pointer envp);

  static native @Nullable Pointer getpwnam(String name);

  static native @Nullable Pointer getgrnam(String name);

  static native int malloc_trim(long keep);

  static native int if_nametoindex(String name);

  static native int chown(String path, int uid, int gid);

  static native long syscall(long number, long first, long second, long third, long fourth);
}
