package dev.holdfast.fd;

import java.util.Map;

/**
 * Names and meanings of the errno values that our calls return (errno(3); the numbers are those of
 * asm-generic).
 */
public final class Errno {

  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int ESRCH = 3;
  public static final int EINTR = 4;
  public static final int ENOEXEC = 8;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int EACCES = 13;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int ENOTDIR = 20;
  public static final int EINVAL = 22;
  public static final int ENFILE = 23;
  public static final int EMFILE = 24;
  public static final int ESPIPE = 29;
  public static final int EPIPE = 32;
  public static final int ENOSYS = 38;
  public static final int EPROTOTYPE = 91;
  public static final int ENOPROTOOPT = 92;
  public static final int EADDRINUSE = 98;
  public static final int EADDRNOTAVAIL = 99;
  public static final int ECONNABORTED = 103;
  public static final int ECONNRESET = 104;
  public static final int ETOOMANYREFS = 109;
  public static final int ETIMEDOUT = 110;
  public static final int ECONNREFUSED = 111;
  public static final int EINPROGRESS = 115;
  public static final int ESTALE = 116;

  private record Meaning(String name, String text) {}

  private static final Map<Integer, Meaning> MEANINGS =
      Map.ofEntries(
          entry(EPERM, "EPERM", "Operation not permitted"),
          entry(ENOENT, "ENOENT", "No such file or directory"),
          entry(ESRCH, "ESRCH", "No such process"),
          entry(EINTR, "EINTR", "Interrupted system call"),
          entry(5, "EIO", "Input/output error"),
          entry(6, "ENXIO", "No such device or address"),
          entry(7, "E2BIG", "Argument list too long"),
          entry(ENOEXEC, "ENOEXEC", "Exec format error"),
          entry(EBADF, "EBADF", "Bad file descriptor"),
          entry(10, "ECHILD", "No child processes"),
          entry(EAGAIN, "EAGAIN", "Resource temporarily unavailable"),
          entry(12, "ENOMEM", "Cannot allocate memory"),
          entry(EACCES, "EACCES", "Permission denied"),
          entry(14, "EFAULT", "Bad address"),
          entry(EEXIST, "EEXIST", "File exists"),
          entry(ENODEV, "ENODEV", "No such device"),
          entry(ENOTDIR, "ENOTDIR", "Not a directory"),
          entry(21, "EISDIR", "Is a directory"),
          entry(EINVAL, "EINVAL", "Invalid argument"),
          entry(ENFILE, "ENFILE", "Too many open files in system"),
          entry(EMFILE, "EMFILE", "Too many open files"),
          entry(26, "ETXTBSY", "Text file busy"),
          entry(28, "ENOSPC", "No space left on device"),
          entry(ESPIPE, "ESPIPE", "Illegal seek"),
          entry(30, "EROFS", "Read-only file system"),
          entry(EPIPE, "EPIPE", "Broken pipe"),
          entry(36, "ENAMETOOLONG", "File name too long"),
          entry(ENOSYS, "ENOSYS", "Function not implemented"),
          entry(40, "ELOOP", "Too many levels of symbolic links"),
          entry(88, "ENOTSOCK", "Socket operation on non-socket"),
          entry(90, "EMSGSIZE", "Message too long"),
          entry(EPROTOTYPE, "EPROTOTYPE", "Protocol wrong type for socket"),
          entry(ENOPROTOOPT, "ENOPROTOOPT", "Protocol not available"),
          entry(93, "EPROTONOSUPPORT", "Protocol not supported"),
          entry(95, "EOPNOTSUPP", "Operation not supported"),
          entry(97, "EAFNOSUPPORT", "Address family not supported by protocol"),
          entry(EADDRINUSE, "EADDRINUSE", "Address already in use"),
          entry(EADDRNOTAVAIL, "EADDRNOTAVAIL", "Cannot assign requested address"),
          entry(100, "ENETDOWN", "Network is down"),
          entry(101, "ENETUNREACH", "Network is unreachable"),
          entry(ECONNABORTED, "ECONNABORTED", "Software caused connection abort"),
          entry(ECONNRESET, "ECONNRESET", "Connection reset by peer"),
          entry(105, "ENOBUFS", "No buffer space available"),
          entry(107, "ENOTCONN", "Transport endpoint is not connected"),
          entry(ETOOMANYREFS, "ETOOMANYREFS", "Too many references: cannot splice"),
          entry(ESTALE, "ESTALE", "Stale file handle"),
          entry(ETIMEDOUT, "ETIMEDOUT", "Connection timed out"),
          entry(ECONNREFUSED, "ECONNREFUSED", "Connection refused"),
          entry(113, "EHOSTUNREACH", "No route to host"),
          entry(EINPROGRESS, "EINPROGRESS", "Operation now in progress"));

  private Errno() {}

  /**
   * The symbol, as in {@code EADDRINUSE}; {@code errno 123} for one that this table does not have.
   */
  public static String name(int errno) {
    Meaning meaning = MEANINGS.get(errno);
    return meaning == null ? "errno " + errno : meaning.name();
  }

  /** The words of strerror(3) in the C locale. */
  public static String text(int errno) {
    Meaning meaning = MEANINGS.get(errno);
    return meaning == null ? "Unknown error " + errno : meaning.text();
  }

  private static Map.Entry<Integer, Meaning> entry(int errno, String name, String text) {
    return Map.entry(errno, new Meaning(name, text));
  }
}
