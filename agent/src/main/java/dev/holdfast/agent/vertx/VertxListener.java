package dev.holdfast.agent.vertx;

import dev.holdfast.agent.Lease;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.impl.VertxInternal;
import io.vertx.core.net.NetServer;
import java.io.IOException;

/**
 * Puts a server of Vert.x 4 on a listener of a lease, with whatever transport it has but io_uring;
 * it needs no flag of the JVM.
 *
 * <pre>{@code
 * HttpServer server = vertx.createHttpServer().requestHandler(…);
 * VertxListener.listen(vertx, server, lease, "web").onSuccess(listening -> lease.ready());
 * }</pre>
 *
 * <p>Vert.x takes no socket from outside: it binds a free port of the loopback interface, in whose
 * place the listener is put at once. So {@code actualPort()} reports that port; further instances
 * of the server, in other verticles, listen on it in Vert.x's own way and share the accepted
 * connections. Closing the last closes the copy, and the listener goes on.
 */
public final class VertxListener {

  private static final String LOOPBACK = "127.0.0.1";

  private VertxListener() {}

  /**
   * Makes the server listen. Any thread; does not block.
   *
   * @param vertx the one that made the server
   * @return the server, once it serves on the listener; failed when that is a blocking one, since
   *     Vert.x polls, or when the lease cannot give it, and then the server is closed
   */
  public static Future<HttpServer> listen(
      Vertx vertx, HttpServer server, Lease lease, String listener) {
    return server
        .listen(0, LOOPBACK)
        .compose(
            bound ->
                putInPlace(vertx, bound.actualPort(), lease, listener)
                    .recover(failure -> server.close().transform(unused -> fail(failure)))
                    .map(bound));
  }

  /** As {@link #listen(Vertx, HttpServer, Lease, String)}, for TCP without HTTP. */
  public static Future<NetServer> listen(
      Vertx vertx, NetServer server, Lease lease, String listener) {
    return server
        .listen(0, LOOPBACK)
        .compose(
            bound ->
                putInPlace(vertx, bound.actualPort(), lease, listener)
                    .recover(failure -> server.close().transform(unused -> fail(failure)))
                    .map(bound));
  }

  /**
   * On the one thread that accepts for all servers, since what it waits for must not change while
   * it is moved: Netty closes a channel whose epoll_ctl(2) fails.
   */
  private static Future<Void> putInPlace(Vertx vertx, int port, Lease lease, String listener) {
    Promise<Void> done = Promise.promise();
    ((VertxInternal) vertx)
        .getAcceptorEventLoopGroup()
        .execute(
            () -> {
              try {
                lease.putInPlaceOf(port, listener);
                done.complete();
              } catch (IOException | RuntimeException e) {
                done.fail(e);
              }
            });
    return done.future();
  }

  private static Future<Void> fail(Throwable failure) {
    return Future.failedFuture(failure);
  }
}
