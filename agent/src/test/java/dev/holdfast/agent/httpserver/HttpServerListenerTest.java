package dev.holdfast.agent.httpserver;

import com.sun.net.httpserver.HttpServer;
import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import java.nio.charset.StandardCharsets;

class HttpServerListenerTest extends AdapterContract {

  @Override
  protected Running start(Lease lease, String body) throws Exception {
    byte[] answer = body.getBytes(StandardCharsets.US_ASCII);
    HttpServer server = HttpServerListener.create(lease, "web");
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(200, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.close();
        });
    server.start();
    return new Running() {
      @Override
      public int port() {
        return 0;
      }

      @Override
      public void stop() {
        server.stop(0);
      }
    };
  }

  @Override
  protected boolean polls() {
    return true;
  }

  @Override
  protected boolean tellsThePort() {
    return false;
  }
}
