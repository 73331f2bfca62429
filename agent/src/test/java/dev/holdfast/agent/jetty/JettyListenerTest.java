package dev.holdfast.agent.jetty;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;

class JettyListenerTest extends AdapterContract {

  @Override
  protected Running start(Lease lease, String body) throws Exception {
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    JettyListener.open(connector, lease, "web");
    server.addConnector(connector);
    server.setHandler(
        new Handler.Abstract() {
          @Override
          public boolean handle(Request request, Response response, Callback callback) {
            Content.Sink.write(response, true, body, callback);
            return true;
          }
        });
    server.start();
    return new Running() {
      @Override
      public int port() {
        return connector.getLocalPort();
      }

      @Override
      public void stop() throws Exception {
        server.stop();
      }
    };
  }

  @Override
  protected boolean polls() {
    return false;
  }

  @Override
  protected boolean tellsThePort() {
    return true;
  }
}
