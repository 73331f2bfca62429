package dev.holdfast.fd;

import java.io.FileDescriptor;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.StandardProtocolFamily;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.spi.SelectorProvider;
import org.newsclub.net.unix.FileDescriptorCast;

/**
 * Makes the JDK's own channel around a listening descriptor.
 *
 * <p>Not a junixsocket cast: closing one of those, or interrupting its thread, calls shutdown(2),
 * and then the listener is dead for every process. The genuine channel closes without harm, and
 * works with Selector, Netty, Jetty and Tomcat.
 */
public final class JdkChannels {

  /** The JVM keeps {@code sun.nio.ch} closed; the message names the flag that opens it. */
  public static final class ForbiddenException extends IOException {
    private static final long serialVersionUID = 1;
    private static final String FLAG = "--add-opens java.base/sun.nio.ch=ALL-UNNAMED";

    ForbiddenException(Throwable cause) {
      super(
          "making a ServerSocketChannel from a passed listener: this JVM keeps java.base/sun.nio.ch"
              + " closed. Start it with "
              + FLAG
              + " (or put \"Add-Opens: java.base/sun.nio.ch\" in the manifest of the jar given to -jar)",
          cause);
    }
  }

  private JdkChannels() {}

  /**
   * The channel, bound, in blocking mode as the JDK sees it; O_NONBLOCK of the shared description
   * is not touched. Ownership of the descriptor moves into the channel on success.
   *
   * @throws ForbiddenException when the JVM was not told to open {@code sun.nio.ch}
   */
  public static ServerSocketChannel serverSocketChannel(OwnedFd moved) throws IOException {
    SocketFacts facts = Sockets.facts(moved);
    ProtocolFamily family =
        switch (facts.domain()) {
          case Libc.AF_INET -> StandardProtocolFamily.INET;
          case Libc.AF_INET6 -> StandardProtocolFamily.INET6;
          default -> StandardProtocolFamily.UNIX;
        };
    ServerSocketChannel channel =
        construct(family, FileDescriptorCast.unsafeUsing(moved.number()).getFileDescriptor());
    moved.release();
    return channel;
  }

  /**
   * A channel of the JDK for a JVM that forbids the genuine one: it has bound a port of its own on
   * the loopback interface, and then the listener was put in its place. It serves as the other
   * does, in blocking mode as the JDK sees it, and closes without harm; only the local address that
   * it reports is the one it has bound. Ownership of the descriptor moves on success. TCP alone.
   */
  public static ServerSocketChannel standIn(OwnedFd moved) throws IOException {
    if (Sockets.facts(moved).isUnix()) {
      throw new IOException(
          "making a ServerSocketChannel from a passed Unix listener: this JVM keeps"
              + " java.base/sun.nio.ch closed, and only TCP can do without. Start it with "
              + ForbiddenException.FLAG);
    }
    ServerSocketChannel channel = ServerSocketChannel.open();
    try {
      channel.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1);
      Placeholder.replace(channel.socket().getLocalPort(), moved);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
    moved.close();
    return channel;
  }

  private static ServerSocketChannel construct(ProtocolFamily family, FileDescriptor descriptor)
      throws IOException {
    try {
      Constructor<?> constructor =
          Class.forName("sun.nio.ch.ServerSocketChannelImpl")
              .getDeclaredConstructor(
                  SelectorProvider.class,
                  ProtocolFamily.class,
                  FileDescriptor.class,
                  boolean.class);
      constructor.setAccessible(true);
      return (ServerSocketChannel)
          constructor.newInstance(SelectorProvider.provider(), family, descriptor, true);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IOException("making a ServerSocketChannel: " + e.getCause(), e);
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw new ForbiddenException(e);
    }
  }
}
