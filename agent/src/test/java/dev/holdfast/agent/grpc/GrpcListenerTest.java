package dev.holdfast.agent.grpc;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.nio.NioEventLoopGroup;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

class GrpcListenerTest extends AdapterContract {

  private static final MethodDescriptor.Marshaller<String> TEXT =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(String value) {
          return new ByteArrayInputStream(value.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public String parse(InputStream stream) {
          try {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      };

  private static final MethodDescriptor<String, String> HELLO =
      MethodDescriptor.<String, String>newBuilder()
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("Greeter/Hello")
          .setRequestMarshaller(TEXT)
          .setResponseMarshaller(TEXT)
          .build();

  @Override
  protected Running start(Lease lease, String body) throws Exception {
    EventLoopGroup boss = new NioEventLoopGroup(1);
    EventLoopGroup workers = new NioEventLoopGroup(1);
    Server server;
    try {
      server =
          GrpcListener.builder(lease, "web", boss, workers)
              .addService(
                  ServerServiceDefinition.builder("Greeter")
                      .addMethod(
                          HELLO,
                          ServerCalls.asyncUnaryCall(
                              (request, answer) -> {
                                answer.onNext(body);
                                answer.onCompleted();
                              }))
                      .build())
              .build()
              .start();
    } catch (IOException e) {
      end(boss, workers);
      throw e;
    }
    return new Running() {
      @Override
      public int port() {
        return server.getPort();
      }

      @Override
      public void stop() throws Exception {
        server.shutdown().awaitTermination();
        end(boss, workers);
      }
    };
  }

  private static void end(EventLoopGroup boss, EventLoopGroup workers) throws InterruptedException {
    boss.shutdownGracefully(0, 5, TimeUnit.SECONDS).await();
    workers.shutdownGracefully(0, 5, TimeUnit.SECONDS).await();
  }

  @Override
  protected String ask(int port) {
    ManagedChannel client =
        NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
    try {
      return ClientCalls.blockingUnaryCall(client, HELLO, CallOptions.DEFAULT, "who?");
    } finally {
      client.shutdownNow();
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
