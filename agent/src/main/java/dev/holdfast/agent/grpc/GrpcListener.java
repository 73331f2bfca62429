package dev.holdfast.agent.grpc;

import dev.holdfast.agent.Lease;
import dev.holdfast.agent.netty.NioListener;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * Begins a gRPC server on a listener of a lease, with the NIO transport of {@code grpc-netty} (not
 * of {@code grpc-netty-shaded}, whose Netty is a private copy).
 *
 * <pre>{@code
 * Server server =
 *     GrpcListener.builder(lease, "rpc", boss, workers).addService(new Greeter()).build().start();
 * }</pre>
 */
public final class GrpcListener {

  private GrpcListener() {}

  /**
   * A builder whose server accepts on a copy of the listener, and reports its port. Shutting the
   * server down closes the copy, and the listener goes on. Borrows the lease, which has to be held
   * when the server starts. Any thread; does not block.
   *
   * @param boss a NIO group that accepts; it and the next stay the caller's, who shuts them down
   *     once the server has ended, as gRPC wants it whenever the channel is not its own choice
   * @param workers a NIO group for the connections
   * @throws IOException when the listener is a blocking one, since Netty polls, or the lease cannot
   *     give it; gRPC itself would not say why a channel was not made
   */
  public static NettyServerBuilder builder(
      Lease lease, String listener, EventLoopGroup boss, EventLoopGroup workers)
      throws IOException {
    lease.pollableDescriptor(listener).close();
    // The address is asked for by gRPC and bound by nobody.
    return NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
        .channelFactory(new NioListener(lease, listener))
        .bossEventLoopGroup(boss)
        .workerEventLoopGroup(workers);
  }
}
