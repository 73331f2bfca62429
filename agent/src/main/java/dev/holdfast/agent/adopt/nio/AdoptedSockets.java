package dev.holdfast.agent.adopt.nio;

import java.io.FileDescriptor;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketException;
import java.net.SocketOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The calls of the JDK's sockets that matter for a listener which others share. A socket that was
 * adopted is known by its FileDescriptor object, never by its number: numbers are used again.
 *
 * <p>What others share is left alone: no listen(2), no change of O_NONBLOCK or of an option. The
 * JDK's own accept copes with a description that is non-blocking while it believes otherwise; it
 * polls then.
 */
public final class AdoptedSockets {
  /** Kinds of questions to the agent; the first element of what it is given. */
  public static final String CHANNEL = "channel";

  public static final String SOCKET = "socket";
  public static final String DATAGRAM = "datagram";
  public static final String UNIX = "unix";
  public static final String ACCEPTING = "accepting";
  public static final String OPTION = "option";
  public static final String UNBLOCK = "unblock";

  private static final int EPOLL_CTL_DEL = 2;
  private static final int EPOLLIN = 1;

  /** Written once by the agent, before any class is patched. */
  private static volatile @Nullable Function<Object[], @Nullable Object> agent;

  /** Written by threads that bind, under this class; read by all. */
  private static volatile FileDescriptor[] adopted = new FileDescriptor[0];

  /** Whether the agent still waits to hear that the program accepts. */
  private static volatile boolean awaited = true;

  private AdoptedSockets() {}

  // ---- binding

  static void bindChannel(ProtocolFamily family, FileDescriptor fd, InetAddress address, int port)
      throws IOException {
    if (port == 0 || !adopts(CHANNEL, fd, address, port)) {
      Net.bind(family, fd, address, port);
    }
  }

  static void bindAsynchronous(FileDescriptor fd, InetAddress address, int port)
      throws IOException {
    if (port == 0 || !adopts(CHANNEL, fd, address, port)) {
      Net.bind(fd, address, port);
    }
  }

  static void bindSocket(FileDescriptor fd, InetAddress address, int port) throws IOException {
    if (port == 0 || !adopts(SOCKET, fd, address, port)) {
      Net.bind(fd, address, port);
    }
  }

  static void bindDatagram(ProtocolFamily family, FileDescriptor fd, InetAddress address, int port)
      throws IOException {
    if (port == 0 || !adopts(DATAGRAM, fd, address, port)) {
      Net.bind(family, fd, address, port);
    }
  }

  static void bindUnix(FileDescriptor fd, Path path) throws IOException {
    if (!adopts(UNIX, fd, path, 0)) {
      UnixDomainSockets.bind(fd, path);
    }
  }

  private static boolean adopts(String kind, FileDescriptor fd, Object address, int port)
      throws IOException {
    Object answer = ask(kind, fd, address, port);
    if (answer instanceof String refusal) {
      throw new BindException(refusal);
    }
    return answer != null;
  }

  /**
   * Called by the agent, when the number of this object has become the listener. The JDK leaves the
   * number in an object whose socket it has closed; so whoever had it before is known to be closed.
   */
  static synchronized void add(FileDescriptor fd) {
    FileDescriptor[] before = adopted;
    int number = IOUtil.fdVal(fd);
    FileDescriptor[] after = new FileDescriptor[before.length + 1];
    int kept = 0;
    for (FileDescriptor each : before) {
      if (each.valid() && IOUtil.fdVal(each) != number) {
        after[kept++] = each;
      }
    }
    after[kept++] = fd;
    adopted = Arrays.copyOf(after, kept);
  }

  // ---- what others share

  static void listen(FileDescriptor fd, int backlog) throws IOException {
    if (!isAdopted(fd)) {
      Net.listen(fd, backlog);
    }
  }

  static void configureBlocking(FileDescriptor fd, boolean blocking) throws IOException {
    if (!isAdopted(fd)) {
      IOUtil.configureBlocking(fd, blocking);
    } else if (!blocking) {
      Object refusal = ask(UNBLOCK, fd, "", 0);
      if (refusal != null) {
        throw new IOException((String) refusal);
      }
    }
  }

  static void setSocketOption(FileDescriptor fd, SocketOption<?> option, Object value)
      throws IOException {
    if (isAdopted(fd)) {
      ask(OPTION, fd, option.name(), 0);
    } else {
      Net.setSocketOption(fd, option, value);
    }
  }

  static void setSocketOption(
      FileDescriptor fd, ProtocolFamily family, SocketOption<?> option, Object value)
      throws IOException {
    if (isAdopted(fd)) {
      ask(OPTION, fd, option.name(), 0);
    } else {
      Net.setSocketOption(fd, family, option, value);
    }
  }

  /** A datagram socket that is connected hears one peer only, for all who share it. */
  static int connect(ProtocolFamily family, FileDescriptor fd, InetAddress address, int port)
      throws IOException {
    if (isAdopted(fd)) {
      throw new SocketException(
          "connect "
              + address
              + ": this socket is shared with other processes, which would hear nobody else then;"
              + " send with an address instead");
    }
    return Net.connect(family, fd, address, port);
  }

  // ---- the program accepts

  static int accept(FileDescriptor fd, FileDescriptor accepted, InetSocketAddress[] peer)
      throws IOException {
    if (awaited && isAdopted(fd)) {
      ask(ACCEPTING, fd, "", 0);
    }
    return Net.accept(fd, accepted, peer);
  }

  static int acceptUnix(FileDescriptor fd, FileDescriptor accepted, String[] peer)
      throws IOException {
    if (awaited && isAdopted(fd)) {
      ask(ACCEPTING, fd, "", 0);
    }
    return UnixDomainSockets.accept(fd, accepted, peer);
  }

  static int control(int poller, int operation, int number, int events) {
    int result = EPoll.ctl(poller, operation, number, events);
    if (awaited && operation != EPOLL_CTL_DEL && (events & EPOLLIN) != 0) {
      for (FileDescriptor each : adopted) {
        if (each.valid() && IOUtil.fdVal(each) == number) {
          ask(ACCEPTING, each, "", 0);
        }
      }
    }
    return result;
  }

  static boolean isAdopted(FileDescriptor fd) {
    for (FileDescriptor each : adopted) {
      if (each == fd) {
        return true;
      }
    }
    return false;
  }

  private static @Nullable Object ask(String kind, FileDescriptor fd, Object about, int port) {
    Function<Object[], @Nullable Object> asked = agent;
    return asked == null ? null : asked.apply(new Object[] {kind, fd, about, port});
  }
}
