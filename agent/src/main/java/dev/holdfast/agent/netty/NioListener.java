package dev.holdfast.agent.netty;

import dev.holdfast.agent.Lease;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFactory;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.nio.channels.ServerSocketChannel;

/**
 * Makes the server channel of Netty's NIO transport on a listener of a lease.
 *
 * <pre>{@code
 * new ServerBootstrap().group(loops).channelFactory(new NioListener(lease, "web")) … .bind(0);
 * }</pre>
 *
 * <p>It accepts from the moment it is registered; {@code bind} then does nothing, whatever the
 * address. Options that belong to the listening socket (SO_BACKLOG, SO_REUSEADDR, SO_RCVBUF) are
 * left out, since they are the broker's. Each channel has a copy of the listener, which closing the
 * channel closes; the listener goes on.
 */
public final class NioListener implements ChannelFactory<NioServerSocketChannel> {

  private final Lease lease;
  private final String listener;

  /** Borrows the lease, which has to be held when a channel is made. */
  public NioListener(Lease lease, String listener) {
    this.lease = lease;
    this.listener = listener;
  }

  /**
   * A channel of its own each time, from any thread.
   *
   * @throws ChannelException when the lease has no such listener, or it is a blocking one; a
   *     bootstrap turns it into a failed future
   */
  @Override
  public NioServerSocketChannel newChannel() {
    try {
      ServerSocketChannel channel = lease.pollableChannel(listener);
      try {
        NioServerSocketChannel made = new LeasedNioChannel(channel);
        made.pipeline().addFirst(new AlreadyBound());
        return made;
      } catch (RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw new ChannelException(e.getMessage(), e);
    }
  }

  @Override
  public String toString() {
    return "Netty NIO on " + listener;
  }
}
