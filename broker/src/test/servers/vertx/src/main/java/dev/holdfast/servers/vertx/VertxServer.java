package dev.holdfast.servers.vertx;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;

/** Vert.x: HOST PORT NAME. */
public final class VertxServer {

  private VertxServer() {}

  public static void main(String[] arguments) {
    String name = arguments[2];
    HttpServer server = Vertx.vertx().createHttpServer();
    server
        .requestHandler(
            request ->
                request
                    .response()
                    .putHeader("X-Worker", name)
                    .end(
                        "worker %s pid %d port %d\n"
                            .formatted(name, ProcessHandle.current().pid(), server.actualPort())))
        .listen(Integer.parseInt(arguments[1]), arguments[0])
        .onFailure(
            cause -> {
              cause.printStackTrace();
              System.exit(1);
            });
  }
}
