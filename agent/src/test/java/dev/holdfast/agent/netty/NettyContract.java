package dev.holdfast.agent.netty;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** A server of Netty, on whatever transport. */
abstract class NettyContract extends AdapterContract {

  abstract EventLoopGroup loops();

  abstract ChannelFactory<? extends ServerChannel> channels(Lease lease);

  @Override
  protected Running start(Lease lease, String body) throws Exception {
    EventLoopGroup loops = loops();
    try {
      Channel server =
          new ServerBootstrap()
              .group(loops)
              .channelFactory(channels(lease))
              .option(ChannelOption.SO_BACKLOG, 3)
              .option(ChannelOption.SO_REUSEADDR, transportSetsReuseAddress())
              .childHandler(
                  new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel connection) {
                      connection.pipeline().addLast(new Answer(body));
                    }
                  })
              .bind(0)
              .sync()
              .channel();
      return new Running() {
        @Override
        public int port() {
          return ((InetSocketAddress) server.localAddress()).getPort();
        }

        @Override
        public void stop() throws Exception {
          server.close().sync();
          end(loops);
        }
      };
    } catch (Throwable e) {
      end(loops);
      throw e;
    }
  }

  /** The native transports cannot be kept from setting it, as a broker does too. */
  boolean transportSetsReuseAddress() {
    return true;
  }

  private static void end(EventLoopGroup loops) throws InterruptedException {
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).await();
  }

  private static final class Answer extends ChannelInboundHandlerAdapter {
    private final String body;

    Answer(String body) {
      this.body = body;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      ReferenceCountUtil.release(message);
      var unused =
          context
              .writeAndFlush(
                  Unpooled.copiedBuffer(
                      "HTTP/1.0 200 OK\r\n\r\n" + body, StandardCharsets.US_ASCII))
              .addListener(ChannelFutureListener.CLOSE);
    }
  }

  @Override
  protected boolean polls() {
    return true;
  }

  @Override
  protected boolean tellsThePort() {
    return true;
  }
}
