package dev.holdfast.agent.adopt;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The JDK's own native calls, by reflection: what an adoption needs of the kernel is all there, so
 * that no library has to be loaded before a server is up. Borrows every descriptor that it is given
 * by number, unless a method says otherwise. Any thread.
 */
final class JdkSockets {

  static final int DATAGRAM = 2;
  private static final int UNIX = 3; // as InheritedChannel numbers the domains
  private static final int NONBLOCK = 0x800;
  private static final int SOL_SOCKET = 1;
  private static final int SO_ACCEPTCONN = 30;

  private final Method dup2;
  private final Method dup;
  private final Method close;
  private final Method type;
  private final Method remoteAddress;
  private final Method option;
  private final Method newDescriptor;
  private final Method number;
  private final Method configureBlocking;
  private final Method localAddress;
  private final Method localUnixAddress;
  private final Method control;
  private final Method family;

  /** The package must be open by now. */
  JdkSockets() throws IOException {
    Class<?> inherited = jdk("InheritedChannel");
    dup = method(inherited, "dup", int.class);
    dup2 = method(inherited, "dup2", int.class, int.class);
    close = method(inherited, "close0", int.class);
    type = method(inherited, "soType0", int.class);
    family = method(inherited, "addressFamily", int.class);
    Class<?> util = jdk("IOUtil");
    newDescriptor = method(util, "newFD", int.class);
    number = method(util, "fdVal", FileDescriptor.class);
    configureBlocking = method(util, "configureBlocking", FileDescriptor.class, boolean.class);
    Class<?> net = jdk("Net");
    localAddress = method(net, "localAddress", FileDescriptor.class);
    remoteAddress = method(net, "remoteAddress", FileDescriptor.class);
    option =
        method(net, "getIntOption0", FileDescriptor.class, boolean.class, int.class, int.class);
    localUnixAddress = method(jdk("UnixDomainSockets"), "localAddress0", FileDescriptor.class);
    control = method(jdk("EPoll"), "ctl", int.class, int.class, int.class, int.class);
  }

  private static Class<?> jdk(String name) throws IOException {
    try {
      return Class.forName("sun.nio.ch." + name, false, null); // initialised when it is called
    } catch (ClassNotFoundException e) {
      throw new IOException("this JDK has no sun.nio.ch." + name, e);
    }
  }

  private static Method method(Class<?> owner, String name, Class<?>... types) throws IOException {
    try {
      Method method = owner.getDeclaredMethod(name, types);
      method.setAccessible(true);
      return method;
    } catch (NoSuchMethodException | RuntimeException e) {
      throw new IOException("use " + owner.getName() + "." + name + " of this JDK: " + e, e);
    }
  }

  private static @Nullable Object call(Method method, Object... arguments) throws IOException {
    try {
      return method.invoke(null, arguments);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IOException(method.getName() + ": " + e.getCause(), e);
    } catch (IllegalAccessException e) {
      throw new IOException(method.getName() + ": " + e.getMessage(), e);
    }
  }

  private static int number(@Nullable Object result) {
    return result instanceof Integer value ? value : -1;
  }

  int number(FileDescriptor fd) throws IOException {
    return number(call(number, fd));
  }

  /** A new object for the number, which owns nothing. */
  FileDescriptor object(int fd) throws IOException {
    return (FileDescriptor) Objects.requireNonNull(call(newDescriptor, fd));
  }

  /** dup(2): a copy, owned by the caller. */
  int dup(int fd) throws IOException {
    return number(call(dup, fd));
  }

  /** dup2(2): the number is the other's description from now on; what it was is closed. */
  void dup2(int from, int onto) throws IOException {
    call(dup2, from, onto);
  }

  void close(int fd) throws IOException {
    call(close, fd);
  }

  /** SO_TYPE, or -1 where it is no socket. */
  int type(int fd) throws IOException {
    return number(call(type, fd));
  }

  boolean isUnix(int fd) throws IOException {
    return number(call(family, fd)) == UNIX;
  }

  /**
   * Whether the socket is connected to somebody. InheritedChannel tells the peer of IPv6 only,
   * where there is any.
   */
  boolean isConnected(int fd) throws IOException {
    if (isUnix(fd)) { // of whose peer the JDK tells nothing
      return type(fd) != DATAGRAM
          && number(call(option, object(fd), false, SOL_SOCKET, SO_ACCEPTCONN)) == 0;
    }
    try {
      return call(remoteAddress, object(fd)) != null;
    } catch (IOException e) {
      return false; // ENOTCONN
    }
  }

  InetSocketAddress localAddress(int fd) throws IOException {
    return (InetSocketAddress) Objects.requireNonNull(call(localAddress, object(fd)));
  }

  /** The path of a Unix socket; an abstract name begins with a zero, as in the kernel. */
  String localUnixAddress(int fd) throws IOException {
    byte[] bytes = (byte[]) call(localUnixAddress, object(fd));
    return bytes == null ? "" : new String(bytes, StandardCharsets.UTF_8);
  }

  /**
   * Binds a Unix socket to a name that nobody can guess, which needs no file (unix(7)), and
   * listens.
   */
  void listenAtSecretName(int fd) throws IOException {
    byte[] name = ("\0holdfast-" + UUID.randomUUID()).getBytes(StandardCharsets.US_ASCII);
    call(
        method(jdk("UnixDomainSockets"), "bind0", FileDescriptor.class, byte[].class),
        object(fd),
        name);
    call(method(jdk("Net"), "listen", FileDescriptor.class, int.class), object(fd), 1);
  }

  void setNonBlocking(int fd) throws IOException {
    call(configureBlocking, object(fd), false);
  }

  /** epoll_ctl(2); returns the errno. */
  int control(int poller, int operation, int fd, int events) throws IOException {
    return number(call(control, poller, operation, fd, events));
  }

  /** Whether O_NONBLOCK is set on its description. */
  static boolean isNonBlocking(int fd) throws IOException {
    String info = read("/proc/self/fdinfo/" + fd);
    int at = info.indexOf("flags:");
    if (at < 0) {
      throw new IOException("/proc/self/fdinfo/" + fd + " has no flags");
    }
    int end = info.indexOf('\n', at);
    String flags = info.substring(at + "flags:".length(), end < 0 ? info.length() : end).trim();
    return (Integer.parseUnsignedInt(flags, 8) & NONBLOCK) != 0;
  }

  /** {@code socket:[12345]}, or something that no other has. */
  static String inode(int fd) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
    } catch (IOException e) {
      return "closed";
    }
  }

  /** A file of /proc, as it is now. */
  static String read(String path) throws IOException {
    try (FileInputStream in = new FileInputStream(path)) {
      return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }
}
