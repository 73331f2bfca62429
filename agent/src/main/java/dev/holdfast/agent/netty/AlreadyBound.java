package dev.holdfast.agent.netty;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.net.SocketAddress;

/**
 * Stands next to the transport in a channel's pipeline, and answers what asks it to bind: so
 * whoever insists on binding may do so, and bind(2) and listen(2) do not happen to a socket that
 * listens already.
 */
final class AlreadyBound extends ChannelOutboundHandlerAdapter {

  @Override
  public void bind(ChannelHandlerContext context, SocketAddress unused, ChannelPromise promise) {
    promise.setSuccess();
  }
}
