package dev.holdfast.agent.netty;

import dev.holdfast.agent.Lease;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.unix.UnixChannel;
import java.util.function.Supplier;

/**
 * Makes the server channel of an io_uring transport on a listener of a lease. That transport takes
 * no socket from outside: it binds a free port of the loopback interface, and before it accepts
 * there, the listener is put in the place of its socket.
 *
 * <pre>{@code
 * new ServerBootstrap()
 *     .group(loops)
 *     .channelFactory(new IoUringListener<>(lease, "web", IOUringServerSocketChannel::new)) … .bind(0);
 * }</pre>
 *
 * <p>Unlike the other transports it has to be bound, whatever the address, and its local address
 * stays the one of the port that it has bound. Options of the server channel touch that port's
 * socket alone. Each channel has a copy of the listener, which closing the channel closes; the
 * listener goes on.
 */
public final class IoUringListener<C extends ServerChannel & UnixChannel>
    implements ChannelFactory<C> {

  private final Lease lease;
  private final String listener;
  private final Supplier<C> unbound;

  /**
   * Borrows the lease, which has to be held when a channel is bound.
   *
   * @param unbound the constructor: {@code IOUringServerSocketChannel::new} of Netty 4.1's
   *     incubator, {@code IoUringServerSocketChannel::new} of 4.2
   */
  public IoUringListener(Lease lease, String listener, Supplier<C> unbound) {
    this.lease = lease;
    this.listener = listener;
    this.unbound = unbound;
  }

  /**
   * A channel of its own each time, from any thread. When its bind fails, the message says why.
   *
   * @throws ChannelException when the transport can make none
   */
  @Override
  public C newChannel() {
    C made = unbound.get();
    made.pipeline().addFirst(new PutInPlace(lease, listener));
    return made;
  }

  @Override
  public String toString() {
    return "Netty io_uring on " + listener;
  }
}
