package dev.holdfast.agent.httpserver;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsServer;
import dev.holdfast.agent.Lease;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * Makes the JDK's own HTTP server on a listener of a lease; it needs no flag of the JVM.
 *
 * <pre>{@code
 * HttpServer server = HttpServerListener.create(lease, "web");
 * server.createContext("/", exchange -> …);
 * server.start();
 * }</pre>
 *
 * <p>The server takes no socket from outside: it binds a free port of the loopback interface, in
 * whose place the listener is put before it starts. So {@code getAddress()} reports that port.
 * Stopping the server closes its copy, and the listener goes on.
 */
public final class HttpServerListener {

  private HttpServerListener() {}

  /**
   * A server that has not been started; the caller's. Any thread; does not block.
   *
   * @throws IOException when the listener is a blocking one, since this server polls, or the lease
   *     cannot give it
   */
  public static HttpServer create(Lease lease, String listener) throws IOException {
    HttpServer server = HttpServer.create(loopback(), 1);
    putInPlace(server, lease, listener);
    return server;
  }

  /** As {@link #create}, for HTTPS. */
  public static HttpsServer createHttps(Lease lease, String listener) throws IOException {
    HttpsServer server = HttpsServer.create(loopback(), 1);
    putInPlace(server, lease, listener);
    return server;
  }

  private static InetSocketAddress loopback() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  private static void putInPlace(HttpServer server, Lease lease, String listener)
      throws IOException {
    try {
      lease.putInPlaceOf(server.getAddress().getPort(), listener);
    } catch (IOException | RuntimeException e) {
      server.stop(0);
      throw e;
    }
  }
}
