package dev.holdfast.agent.netty;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.agent.Lease;
import io.netty.channel.ChannelFactory;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollEventLoopGroup;
import org.junit.jupiter.api.BeforeAll;

class EpollListenerTest extends NettyContract {

  @BeforeAll
  static void isThere() {
    assumeTrue(Epoll.isAvailable(), "Netty's native library is for another architecture");
  }

  @Override
  EventLoopGroup loops() {
    return new EpollEventLoopGroup(2);
  }

  @Override
  ChannelFactory<? extends ServerChannel> channels(Lease lease) {
    return new EpollListener(lease, "web");
  }
}
