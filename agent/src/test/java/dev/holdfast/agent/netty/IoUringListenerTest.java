package dev.holdfast.agent.netty;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.agent.Lease;
import io.netty.channel.ChannelFactory;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.incubator.channel.uring.IOUring;
import io.netty.incubator.channel.uring.IOUringEventLoopGroup;
import io.netty.incubator.channel.uring.IOUringServerSocketChannel;
import org.junit.jupiter.api.BeforeAll;

class IoUringListenerTest extends NettyContract {

  @BeforeAll
  static void isThere() {
    assumeTrue(IOUring.isAvailable(), "no io_uring for this process");
  }

  @Override
  EventLoopGroup loops() {
    return new IOUringEventLoopGroup(2);
  }

  @Override
  ChannelFactory<? extends ServerChannel> channels(Lease lease) {
    return new IoUringListener<>(lease, "web", IOUringServerSocketChannel::new);
  }

  @Override
  protected boolean tellsThePort() {
    return false;
  }
}
