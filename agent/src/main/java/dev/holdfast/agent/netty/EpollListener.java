package dev.holdfast.agent.netty;

import dev.holdfast.agent.Lease;
import dev.holdfast.fd.OwnedFd;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFactory;
import io.netty.channel.epoll.EpollServerSocketChannel;
import java.io.IOException;

/**
 * Makes the server channel of Netty's epoll transport on a listener of a lease; it needs no flag of
 * the JVM.
 *
 * <pre>{@code
 * new ServerBootstrap().group(loops).channelFactory(new EpollListener(lease, "web")) … .bind(0);
 * }</pre>
 *
 * <p>It accepts from the moment it is registered; {@code bind} then does nothing, whatever the
 * address, and no backlog is set. Netty sets SO_REUSEADDR, which a broker's listener has already;
 * do not ask it for other options of the server channel, since they change the socket for all. Each
 * channel has a copy of the listener, which closing the channel closes; the listener goes on.
 */
public final class EpollListener implements ChannelFactory<EpollServerSocketChannel> {

  private final Lease lease;
  private final String listener;

  /** Borrows the lease, which has to be held when a channel is made. */
  public EpollListener(Lease lease, String listener) {
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
  public EpollServerSocketChannel newChannel() {
    try (OwnedFd copy = lease.pollableDescriptor(listener)) {
      EpollServerSocketChannel made = new EpollServerSocketChannel(copy.number());
      int unused = copy.release(); // the channel's from here on
      made.pipeline().addFirst(new AlreadyBound());
      return made;
    } catch (IOException e) {
      throw new ChannelException(e.getMessage(), e);
    }
  }

  @Override
  public String toString() {
    return "Netty epoll on " + listener;
  }
}
