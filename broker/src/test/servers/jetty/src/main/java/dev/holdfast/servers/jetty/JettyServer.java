package dev.holdfast.servers.jetty;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.Callback;

/** Jetty: HOST PORT NAME. */
public final class JettyServer {

  private JettyServer() {}

  public static void main(String[] arguments) throws Exception {
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost(arguments[0]);
    connector.setPort(Integer.parseInt(arguments[1]));
    server.addConnector(connector);
    server.setHandler(new GracefulHandler(new Answering(connector, arguments[2])));
    server.setStopTimeout(10_000);
    server.setStopAtShutdown(true);
    server.start();
    server.join();
  }

  private static final class Answering extends Handler.Abstract {
    private final ServerConnector connector;
    private final String name;

    Answering(ServerConnector connector, String name) {
      this.connector = connector;
      this.name = name;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
      String body =
          "worker %s pid %d port %d\n"
              .formatted(name, ProcessHandle.current().pid(), connector.getLocalPort());
      response.getHeaders().put("X-Worker", name);
      response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length());
      response.write(true, ByteBuffer.wrap(body.getBytes(StandardCharsets.US_ASCII)), callback);
      return true;
    }
  }
}
