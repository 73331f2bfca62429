package dev.holdfast.agent;

import java.nio.channels.SocketChannel;

/** What to do with an accepted connection. */
@FunctionalInterface
public interface ConnectionHandler {

  /**
   * Gets a connection, in blocking mode, and owns it. Runs on the thread that accepted it, which
   * accepts the next one after this returns: serve it here with enough threads, or hand it on.
   *
   * @throws Exception is logged; the acceptor closes the connection, and goes on
   */
  void handle(SocketChannel connection) throws Exception;
}
