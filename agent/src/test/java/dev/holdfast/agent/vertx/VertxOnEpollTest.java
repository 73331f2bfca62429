package dev.holdfast.agent.vertx;

/** The transport that Vert.x takes where Netty's native library is there. */
class VertxOnEpollTest extends VertxListenerTest {

  @Override
  boolean nativeTransport() {
    return true;
  }
}
