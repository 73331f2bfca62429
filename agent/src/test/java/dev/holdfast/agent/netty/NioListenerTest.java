package dev.holdfast.agent.netty;

import dev.holdfast.agent.Lease;
import io.netty.channel.ChannelFactory;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.nio.NioEventLoopGroup;

class NioListenerTest extends NettyContract {

  @Override
  EventLoopGroup loops() {
    return new NioEventLoopGroup(2);
  }

  @Override
  ChannelFactory<? extends ServerChannel> channels(Lease lease) {
    return new NioListener(lease, "web");
  }

  @Override
  boolean transportSetsReuseAddress() {
    return false; // and the option of the shared socket is still on
  }
}
