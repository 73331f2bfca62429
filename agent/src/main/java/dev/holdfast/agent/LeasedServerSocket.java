package dev.holdfast.agent;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketOption;
import java.net.StandardSocketOptions;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.util.Set;

/**
 * A ServerSocket over the JDK's channel, without the calls that reach other workers.
 *
 * <p>The channel's own adaptor makes a timed accept by setting O_NONBLOCK and clearing it
 * afterwards, on the description that all workers share; under a worker with an event loop, accept
 * then blocks. To stop waiting, close this socket from another thread.
 */
final class LeasedServerSocket extends ServerSocket {

  private final ServerSocketChannel channel;
  private final InetSocketAddress address;

  /** Owns the channel on success. */
  LeasedServerSocket(ServerSocketChannel moved) throws IOException {
    channel = moved;
    if (!(moved.getLocalAddress() instanceof InetSocketAddress inet)) {
      moved.close();
      throw new IOException("a ServerSocket has a port; use serverSocketChannel for a Unix socket");
    }
    address = inet;
  }

  @Override
  public Socket accept() throws IOException {
    try {
      return channel.accept().socket();
    } catch (ClosedChannelException e) {
      SocketException closed = new SocketException("Socket closed");
      closed.initCause(e);
      throw closed;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  @Override
  public synchronized void setSoTimeout(int timeout) throws SocketException {
    if (timeout != 0) {
      throw new SocketException(
          "set a timeout on a shared listener: a timed accept switches O_NONBLOCK for every worker"
              + " of it. Close the socket from another thread to stop waiting, or use a Selector");
    }
  }

  @Override
  public synchronized int getSoTimeout() {
    return 0;
  }

  @Override
  public void bind(SocketAddress endpoint, int backlog) throws IOException {
    throw new SocketException("bind " + endpoint + ": this listener is bound to " + address);
  }

  @Override
  public <T> ServerSocket setOption(SocketOption<T> name, T value) throws IOException {
    throw options(name.name());
  }

  @Override
  public <T> T getOption(SocketOption<T> name) throws IOException {
    return channel.getOption(name);
  }

  @Override
  public Set<SocketOption<?>> supportedOptions() {
    return channel.supportedOptions();
  }

  @Override
  public void setReuseAddress(boolean on) throws SocketException {
    throw options("SO_REUSEADDR");
  }

  @Override
  public boolean getReuseAddress() throws SocketException {
    return read(StandardSocketOptions.SO_REUSEADDR);
  }

  @Override
  public synchronized void setReceiveBufferSize(int size) throws SocketException {
    throw options("SO_RCVBUF");
  }

  @Override
  public synchronized int getReceiveBufferSize() throws SocketException {
    return read(StandardSocketOptions.SO_RCVBUF);
  }

  private <T> T read(SocketOption<T> option) throws SocketException {
    try {
      return channel.getOption(option);
    } catch (IOException e) {
      SocketException failure = new SocketException("getsockopt " + option + ": " + e.getMessage());
      failure.initCause(e);
      throw failure;
    }
  }

  private static SocketException options(String name) {
    return new SocketException(
        "set "
            + name
            + " on a shared listener: options belong to all its workers; the broker sets"
            + " them");
  }

  @Override
  public InetAddress getInetAddress() {
    return address.getAddress();
  }

  @Override
  public int getLocalPort() {
    return address.getPort();
  }

  @Override
  public SocketAddress getLocalSocketAddress() {
    return address;
  }

  /** Null, so that nobody gets at the adaptor whose timeout this class keeps away. */
  @Override
  @SuppressWarnings("NullAway") // the JDK's contract: null where there is no channel
  public ServerSocketChannel getChannel() {
    return null;
  }

  @Override
  public boolean isBound() {
    return true;
  }

  @Override
  public boolean isClosed() {
    return !channel.isOpen();
  }

  @Override
  public String toString() {
    return "ServerSocket[leased, " + address + "]";
  }
}
