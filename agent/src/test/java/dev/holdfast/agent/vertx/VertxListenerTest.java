package dev.holdfast.agent.vertx;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpServer;

class VertxListenerTest extends AdapterContract {

  boolean nativeTransport() {
    return false;
  }

  @Override
  protected Running start(Lease lease, String body) throws Exception {
    Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(nativeTransport()));
    HttpServer server =
        vertx.createHttpServer().requestHandler(request -> request.response().end(body));
    try {
      VertxListener.listen(vertx, server, lease, "web")
          .toCompletionStage()
          .toCompletableFuture()
          .get();
    } catch (Exception e) {
      end(vertx);
      throw e;
    }
    return new Running() {
      @Override
      public int port() {
        return server.actualPort();
      }

      @Override
      public void stop() throws Exception {
        end(vertx);
      }
    };
  }

  private static void end(Vertx vertx) throws Exception {
    vertx.close().toCompletionStage().toCompletableFuture().get();
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
