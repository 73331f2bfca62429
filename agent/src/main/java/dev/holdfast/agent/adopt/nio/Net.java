package dev.holdfast.agent.adopt.nio;

import java.io.FileDescriptor;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketOption;

/** Stands in for {@code sun.nio.ch.Net}. */
final class Net {
  private Net() {}

  static native void bind(FileDescriptor fd, InetAddress address, int port) throws IOException;

  static native void bind(ProtocolFamily family, FileDescriptor fd, InetAddress address, int port)
      throws IOException;

  static native void listen(FileDescriptor fd, int backlog) throws IOException;

  static native int accept(FileDescriptor fd, FileDescriptor accepted, InetSocketAddress[] peer)
      throws IOException;

  static native int connect(ProtocolFamily family, FileDescriptor fd, InetAddress address, int port)
      throws IOException;

  static native void setSocketOption(FileDescriptor fd, SocketOption<?> option, Object value)
      throws IOException;

  static native void setSocketOption(
      FileDescriptor fd, ProtocolFamily family, SocketOption<?> option, Object value)
      throws IOException;
}
