package dev.holdfast.servers.jdk;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A ServerSocketChannel that blocks, with a backlog of its own choice: HOST PORT NAME. */
public final class BlockingChannel {
  private static final int BACKLOG = 7;

  private BlockingChannel() {}

  public static void main(String[] arguments) throws IOException {
    ExecutorService threads = Executors.newCachedThreadPool();
    try (ServerSocketChannel server = ServerSocketChannel.open()) {
      server.bind(new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1])), BACKLOG);
      InetSocketAddress local = (InetSocketAddress) server.getLocalAddress();
      Answer answer = new Answer(arguments[2], local.getPort());
      while (true) {
        SocketChannel connection = server.accept();
        threads.execute(() -> answer.to(connection.socket()));
      }
    }
  }
}
