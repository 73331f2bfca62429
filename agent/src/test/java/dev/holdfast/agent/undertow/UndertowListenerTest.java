package dev.holdfast.agent.undertow;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import io.undertow.Undertow;

class UndertowListenerTest extends AdapterContract {

  @Override
  protected Running start(Lease lease, String body) throws Exception {
    Undertow server =
        Undertow.builder()
            .setIoThreads(2)
            .addHttpListener(0, "127.0.0.1")
            .setHandler(exchange -> exchange.getResponseSender().send(body))
            .build();
    UndertowListener.start(server, lease, "web");
    return new Running() {
      @Override
      public int port() {
        return 0;
      }

      @Override
      public void stop() {
        server.stop();
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
