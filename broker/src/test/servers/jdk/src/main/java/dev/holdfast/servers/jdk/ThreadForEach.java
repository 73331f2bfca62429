package dev.holdfast.servers.jdk;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A java.net.ServerSocket, and a thread for each connection: HOST PORT NAME. */
public final class ThreadForEach {

  private ThreadForEach() {}

  public static void main(String[] arguments) throws IOException {
    ExecutorService threads = Executors.newCachedThreadPool();
    try (ServerSocket server =
        new ServerSocket(Integer.parseInt(arguments[1]), 0, InetAddress.getByName(arguments[0]))) {
      Answer answer = new Answer(arguments[2], server.getLocalPort());
      while (true) {
        Socket connection = server.accept();
        threads.execute(() -> answer.to(connection));
      }
    }
  }
}
