package dev.holdfast.broker.workers;

import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.util.concurrent.CountDownLatch;

/** A server on the listener that it has as its descriptor 0. */
final class InheritedServer {

  private InheritedServer() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    ServerSocketChannel listener = (ServerSocketChannel) System.inheritedChannel();
    switch (arguments[0]) {
      case "accept" -> listener.accept().close();
      case "socket" -> listener.socket().accept().close();
      case "selector" -> select(listener, arguments);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static void select(ServerSocketChannel listener, String[] arguments)
      throws IOException, InterruptedException {
    if (arguments.length > 1) {
      idle(Integer.parseInt(arguments[1]));
    }
    try (Selector selector = Selector.open()) {
      listener.configureBlocking(false);
      listener.register(selector, SelectionKey.OP_ACCEPT);
      System.out.println("registered");
      if (arguments.length > 1) {
        new CountDownLatch(1).await();
      }
      int unused = selector.select();
    }
  }

  private static void idle(int threads) {
    for (int i = 0; i < threads; i++) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      thread.setDaemon(true);
      thread.start();
    }
  }
}
