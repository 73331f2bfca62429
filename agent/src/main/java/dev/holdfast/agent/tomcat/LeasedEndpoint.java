package dev.holdfast.agent.tomcat;

import dev.holdfast.agent.Lease;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NetworkChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.jspecify.annotations.Nullable;

/**
 * Accepts on a listener of a lease, in a thread that blocks in the JDK's accept, so that O_NONBLOCK
 * stays as it is.
 *
 * <p>To get that thread out of accept, Tomcat connects to its own port and throws away what is
 * accepted next. On a listener with many workers that connection goes to any of them, and what is
 * thrown away may be a client's. So here the channel is closed instead, and another made when
 * Tomcat accepts again; and a client's connection is served, also when accept returned it while
 * Tomcat was about to stop.
 */
final class LeasedEndpoint extends NioEndpoint {

  private record Source(Lease lease, String listener) {}

  private volatile @Nullable Source source; // set before the connector is initialised
  private final Object lock = new Object();
  private @Nullable ServerSocketChannel channel; // guarded by lock
  private boolean closed; // guarded by lock; for good, until it is initialised again

  void listenOn(Lease borrowed, String listener) {
    source = new Source(borrowed, listener);
  }

  @Override
  protected void initServerSocket() throws IOException {
    synchronized (lock) {
      closed = false;
      ServerSocketChannel unused = open();
    }
  }

  private ServerSocketChannel open() throws IOException {
    Source from = source;
    if (from == null) {
      throw new IOException(
          "start Tomcat on a listener: its protocol was not told which. Call listenOn(lease, name)"
              + " before the connector starts");
    }
    ServerSocketChannel present = channel;
    if (present == null) {
      present = from.lease().channel(from.listener());
      channel = present;
    }
    return present;
  }

  @Override
  protected SocketChannel serverSocketAccept() throws IOException {
    try {
      ServerSocketChannel listening;
      synchronized (lock) {
        if (closed || isPaused()) {
          return SocketChannel.open(); // what Tomcat throws away
        }
        listening = open();
      }
      return listening.accept();
    } catch (ClosedChannelException e) { // by unlockAccept
      return SocketChannel.open();
    }
  }

  @Override
  protected void unlockAccept() {
    try {
      closeChannel();
    } catch (IOException e) {
      getLog().debug("closing a copy of a listener", e);
    }
  }

  @Override
  protected void doCloseServerSocket() throws IOException {
    synchronized (lock) {
      closed = true;
      closeChannel();
    }
  }

  private void closeChannel() throws IOException {
    synchronized (lock) {
      ServerSocketChannel present = channel;
      channel = null;
      if (present != null) {
        present.close();
      }
    }
  }

  @Override
  protected void destroySocket(SocketChannel socket) {
    if (!(socket.isConnected() && isRunning() && setSocketOptions(socket))) {
      super.destroySocket(socket);
    }
  }

  @Override
  @SuppressWarnings("NullAway") // null where there is none, as with Tomcat's own
  protected NetworkChannel getServerSocket() {
    synchronized (lock) {
      return channel;
    }
  }
}
