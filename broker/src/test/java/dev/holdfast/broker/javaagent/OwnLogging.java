package dev.holdfast.broker.javaagent;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.logging.LogManager;

/**
 * A program that says in its main which log manager it has, as JBoss and Quarkus do: HOST PORT.
 * That is too late if anybody was before it. Says so after its first connection.
 */
public final class OwnLogging {
  private OwnLogging() {}

  /** The program's own. */
  public static final class Manager extends LogManager {}

  public static void main(String[] arguments) throws IOException {
    try (ServerSocket server = new ServerSocket()) {
      server.bind(new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1])));
      server.accept().close();
      System.setProperty("java.util.logging.manager", Manager.class.getName());
      System.out.println(LogManager.getLogManager().getClass().getSimpleName());
      System.getLogger("own").log(System.Logger.Level.INFO, "logged");
      server.accept().close();
    }
  }
}
