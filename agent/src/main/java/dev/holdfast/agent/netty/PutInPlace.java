package dev.holdfast.agent.netty;

import dev.holdfast.agent.Lease;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Placeholder;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.unix.UnixChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;

/**
 * Lets a channel bind a port that nobody knows, and puts the listener in its place. Netty tells a
 * channel that it is active, whereupon it begins to accept, in a later task of the event loop than
 * the one that binds: in between nothing waits for the descriptor.
 */
final class PutInPlace extends ChannelOutboundHandlerAdapter {

  private final Lease lease;
  private final String listener;

  PutInPlace(Lease lease, String listener) {
    this.lease = lease;
    this.listener = listener;
  }

  @Override
  public void bind(ChannelHandlerContext context, SocketAddress unused, ChannelPromise promise) {
    ChannelPromise bound = context.newPromise();
    bound.addListener(
        done -> {
          if (!done.isSuccess()) {
            promise.tryFailure(done.cause());
            return;
          }
          try (OwnedFd copy = lease.pollableDescriptor(listener)) {
            Placeholder.put(copy, ((UnixChannel) context.channel()).fd().intValue());
            promise.trySuccess();
          } catch (IOException | RuntimeException e) {
            promise.tryFailure(e);
            ChannelFuture unusedToo = context.close();
          }
        });
    ChannelFuture unusedHere =
        context.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), bound);
  }
}
