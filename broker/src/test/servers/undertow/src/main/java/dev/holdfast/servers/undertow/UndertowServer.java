package dev.holdfast.servers.undertow;

import io.undertow.Undertow;
import io.undertow.server.HttpServerExchange;
import io.undertow.util.HttpString;
import java.net.InetSocketAddress;

/** Undertow: HOST PORT NAME. */
public final class UndertowServer {
  private final Undertow undertow;
  private final String name;

  private UndertowServer(String host, int port, String name) {
    this.name = name;
    this.undertow =
        Undertow.builder()
            .addHttpListener(port, host)
            .setIoThreads(2)
            .setWorkerThreads(2)
            .setHandler(this::answer)
            .build();
  }

  public static void main(String[] arguments) {
    new UndertowServer(arguments[0], Integer.parseInt(arguments[1]), arguments[2]).undertow.start();
  }

  private void answer(HttpServerExchange exchange) {
    InetSocketAddress local = (InetSocketAddress) undertow.getListenerInfo().get(0).getAddress();
    exchange.getResponseHeaders().put(HttpString.tryFromString("X-Worker"), name);
    exchange
        .getResponseSender()
        .send(
            "worker %s pid %d port %d\n"
                .formatted(name, ProcessHandle.current().pid(), local.getPort()));
  }
}
