package dev.holdfast.broker.javaagent;

import dev.holdfast.fd.Signals;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;

/** A program that ends in its own way on SIGTERM, with 7, and answers nobody: HOST PORT. */
public final class OwnSignal {
  private OwnSignal() {}

  public static void main(String[] arguments) throws IOException {
    Signals.onSignal(
        "TERM",
        name -> {
          System.out.println("own " + name);
          System.exit(7);
        });
    try (ServerSocket server = new ServerSocket()) {
      server.bind(new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1])));
      while (true) {
        server.accept().close();
      }
    }
  }
}
