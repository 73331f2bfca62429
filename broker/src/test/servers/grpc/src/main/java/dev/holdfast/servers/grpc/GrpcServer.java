package dev.holdfast.servers.grpc;

import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/** gRPC: HOST PORT NAME. It ends as gRPC's own examples do. */
public final class GrpcServer {
  private final Server server;
  private final String name;

  private GrpcServer(InetSocketAddress address, String name) {
    this.name = name;
    this.server =
        NettyServerBuilder.forAddress(address)
            .addService(
                ServerServiceDefinition.builder(NamingService.SERVICE)
                    .addMethod(NamingService.NAME, ServerCalls.asyncUnaryCall(this::answer))
                    .build())
            .build();
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    InetSocketAddress address = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
    Server server = new GrpcServer(address, arguments[2]).server.start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> finish(server)));
    server.awaitTermination();
  }

  private static void finish(Server server) {
    try {
      server.shutdown().awaitTermination(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void answer(String request, StreamObserver<String> response) {
    response.onNext(
        "worker %s pid %d port %d\n"
            .formatted(name, ProcessHandle.current().pid(), server.getPort()));
    response.onCompleted();
  }
}
