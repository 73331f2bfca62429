package dev.holdfast.agent.jetty;

import dev.holdfast.agent.Lease;
import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Puts a connector of Jetty 12 on a listener of a lease.
 *
 * <pre>{@code
 * ServerConnector connector = new ServerConnector(server);
 * JettyListener.open(connector, lease, "web");
 * server.addConnector(connector);
 * server.start();
 * }</pre>
 */
public final class JettyListener {

  private JettyListener() {}

  /**
   * Opens the connector on a copy of the listener, before it is started; its host, port and accept
   * queue size mean nothing then. Stopping the connector closes the copy, and the listener goes on;
   * a connector that is started again has to be opened again first, or it binds.
   *
   * <p>Any thread; does not block. With no acceptor threads ({@code acceptors = 0}) the connector
   * polls, and the listener must not be a blocking one.
   *
   * @throws IOException when the listener does not suit, or the lease cannot give it; then the
   *     connector is as before
   * @throws IllegalStateException when the connector is started, or the lease was released
   */
  public static void open(ServerConnector connector, Lease lease, String listener)
      throws IOException {
    ServerSocketChannel channel =
        connector.getAcceptors() == 0 ? lease.pollableChannel(listener) : lease.channel(listener);
    try {
      connector.open(channel);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }
}
