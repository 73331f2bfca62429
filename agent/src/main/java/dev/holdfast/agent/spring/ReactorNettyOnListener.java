package dev.holdfast.agent.spring;

import dev.holdfast.agent.netty.NioListener;
import io.netty.channel.Channel;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.ServerSocketChannel;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.web.embedded.netty.NettyReactiveWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import reactor.core.publisher.Mono;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.LoopResources;

/** Gives Reactor Netty event loops of its own, whose server channel accepts on the listener. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnClass({HttpServer.class, NettyReactiveWebServerFactory.class})
class ReactorNettyOnListener
    implements WebServerFactoryCustomizer<NettyReactiveWebServerFactory>, DisposableBean, Ordered {

  private final LeasedListener listener;
  private @Nullable LoopResources
      loops; // the thread that starts the context, and the one that ends

  ReactorNettyOnListener(LeasedListener listener) {
    this.listener = listener;
  }

  @Override
  public int getOrder() {
    return LOWEST_PRECEDENCE;
  }

  @Override
  public void customize(NettyReactiveWebServerFactory factory) {
    LoopResources made = new Loops(LoopResources.create("holdfast-http"), listener);
    loops = made;
    factory.addServerCustomizers(server -> server.runOn(made, false));
  }

  @Override
  public void destroy() {
    LoopResources made = loops;
    if (made != null) {
      made.dispose();
    }
  }

  private record Loops(LoopResources nio, LeasedListener listener) implements LoopResources {

    @Override
    public <C extends Channel> C onChannel(Class<C> type, EventLoopGroup group) {
      return type.equals(ServerSocketChannel.class)
          ? type.cast(new NioListener(listener.lease(), listener.name()).newChannel())
          : nio.onChannel(type, group);
    }

    @Override
    public <C extends Channel> Class<? extends C> onChannelClass(
        Class<C> type, EventLoopGroup group) {
      return nio.onChannelClass(type, group);
    }

    @Override
    public EventLoopGroup onServer(boolean preferNative) {
      return nio.onServer(false);
    }

    @Override
    public EventLoopGroup onServerSelect(boolean preferNative) {
      return nio.onServerSelect(false);
    }

    @Override
    public EventLoopGroup onClient(boolean preferNative) {
      return nio.onClient(false);
    }

    @Override
    public boolean daemon() {
      return nio.daemon();
    }

    @Override
    public void dispose() {
      nio.dispose();
    }

    @Override
    public Mono<Void> disposeLater() {
      return nio.disposeLater();
    }
  }
}
