package dev.holdfast.agent.undertow;

import dev.holdfast.agent.Lease;
import io.undertow.Undertow;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;

/**
 * Puts a server of Undertow on a listener of a lease; it needs no flag of the JVM.
 *
 * <pre>{@code
 * Undertow server = Undertow.builder().addHttpListener(0, "127.0.0.1").setHandler(…).build();
 * UndertowListener.start(server, lease, "web");
 * }</pre>
 *
 * <p>XNIO takes no socket from outside: it binds a free port of the loopback interface, in whose
 * place the listener is put at once. So the server reports that port. Stopping the server closes
 * its copy, and the listener goes on.
 */
public final class UndertowListener {

  private UndertowListener() {}

  /**
   * Starts a server that has one listener of its own, on 127.0.0.1 and port 0. Any thread.
   *
   * @throws IOException when that is not so, when the listener is a blocking one, since this server
   *     polls, or when the lease cannot give it; then the server is stopped
   */
  public static void start(Undertow server, Lease lease, String listener) throws IOException {
    server.start();
    try {
      List<Undertow.ListenerInfo> own = server.getListenerInfo();
      if (own.size() != 1) {
        throw new IOException(
            "put Undertow on listener "
                + listener
                + ": it has "
                + own.size()
                + " listeners of its own. Give it one: addHttpListener(0, \"127.0.0.1\")");
      }
      putInPlaceOf(own.get(0).getAddress(), lease, listener);
    } catch (IOException | RuntimeException e) {
      server.stop();
      throw e;
    }
  }

  private static void putInPlaceOf(SocketAddress own, Lease lease, String listener)
      throws IOException {
    if (!(own instanceof InetSocketAddress inet)) {
      throw new IOException("put Undertow on listener " + listener + ": it listens on " + own);
    }
    lease.putInPlaceOf(inet.getPort(), listener);
  }
}
