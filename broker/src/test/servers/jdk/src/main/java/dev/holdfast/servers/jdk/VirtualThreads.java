package dev.holdfast.servers.jdk;

import java.io.IOException;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.CountDownLatch;

/** Accepts in a virtual thread, and serves each connection in one: HOST PORT NAME. Java 21. */
public final class VirtualThreads {

  private VirtualThreads() {}

  public static void main(String[] arguments) throws Exception {
    ServerSocket server =
        new ServerSocket(Integer.parseInt(arguments[1]), 0, InetAddress.getByName(arguments[0]));
    Answer answer = new Answer(arguments[2], server.getLocalPort());
    start(() -> acceptAll(server, answer));
    new CountDownLatch(1).await(); // Virtual threads are daemons.
  }

  private static void acceptAll(ServerSocket server, Answer answer) {
    try (server) {
      while (true) {
        Socket connection = server.accept();
        start(() -> answer.to(connection));
      }
    } catch (IOException e) {
      e.printStackTrace();
    }
  }

  /** By its name, since this is compiled for 17. */
  private static void start(Runnable task) {
    try {
      Method method = Thread.class.getMethod("startVirtualThread", Runnable.class);
      method.invoke(null, task);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("no virtual threads in this Java", e);
    }
  }
}
