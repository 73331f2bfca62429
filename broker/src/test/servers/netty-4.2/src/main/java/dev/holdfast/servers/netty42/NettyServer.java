package dev.holdfast.servers.netty42;

import static io.netty.handler.codec.http.HttpResponseStatus.OK;
import static io.netty.handler.codec.http.HttpVersion.HTTP_1_1;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** Netty 4.2: TRANSPORT HOST PORT NAME. */
public final class NettyServer {
  private NettyServer() {}

  /** The ways in which Netty talks to the kernel. */
  private enum Transport {
    NIO(NioServerSocketChannel.class),
    EPOLL(EpollServerSocketChannel.class),
    IO_URING(IoUringServerSocketChannel.class);

    final Class<? extends ServerChannel> channel;

    Transport(Class<? extends ServerChannel> channel) {
      this.channel = channel;
    }

    IoHandlerFactory handlers() {
      return switch (this) {
        case NIO -> NioIoHandler.newFactory();
        case EPOLL -> EpollIoHandler.newFactory();
        case IO_URING -> IoUringIoHandler.newFactory();
      };
    }
  }

  public static void main(String[] arguments) throws InterruptedException {
    Transport transport = Transport.valueOf(arguments[0].toUpperCase(Locale.ROOT));
    EventLoopGroup accepting = new MultiThreadIoEventLoopGroup(1, transport.handlers());
    EventLoopGroup serving = new MultiThreadIoEventLoopGroup(2, transport.handlers());
    ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    Channel server =
        new ServerBootstrap()
            .group(accepting, serving)
            .channel(transport.channel)
            .handler(new Noting(connections))
            .childHandler(new Pipeline(arguments[3]))
            .bind(arguments[1], Integer.parseInt(arguments[2]))
            .sync()
            .channel();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> finish(server, connections)));
    server.closeFuture().sync();
  }

  /** Accepts no more, and answers what was accepted. */
  private static void finish(Channel server, ChannelGroup connections) {
    server.close().syncUninterruptibly();
    boolean unused = connections.newCloseFuture().awaitUninterruptibly(10, TimeUnit.SECONDS);
  }

  /** On the loop that accepts, so that nothing it has accepted is unknown when it is closed. */
  private static final class Noting extends ChannelInboundHandlerAdapter {
    private final ChannelGroup connections;

    Noting(ChannelGroup connections) {
      this.connections = connections;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object accepted) {
      connections.add((Channel) accepted);
      context.fireChannelRead(accepted);
    }
  }

  private static final class Pipeline extends ChannelInitializer<Channel> {
    private final String name;

    Pipeline(String name) {
      this.name = name;
    }

    @Override
    protected void initChannel(Channel connection) {
      // What the listening channel says, not the connection.
      InetSocketAddress local = (InetSocketAddress) connection.parent().localAddress();
      connection
          .pipeline()
          .addLast(
              new HttpServerCodec(),
              new HttpObjectAggregator(4096),
              new Answering(name, local.getPort()));
    }
  }

  private static final class Answering extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final String name;
    private final int port;

    Answering(String name, int port) {
      this.name = name;
      this.port = port;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
      String text =
          "worker %s pid %d port %d\n".formatted(name, ProcessHandle.current().pid(), port);
      ByteBuf body = Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII);
      FullHttpResponse response = new DefaultFullHttpResponse(HTTP_1_1, OK, body);
      response
          .headers()
          .set("X-Worker", name)
          .set(HttpHeaderNames.CONNECTION, "close")
          .set(HttpHeaderNames.CONTENT_LENGTH, text.length());
      context.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }
}
