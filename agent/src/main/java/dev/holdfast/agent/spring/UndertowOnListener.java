package dev.holdfast.agent.spring;

import io.undertow.Undertow;
import java.io.IOException;
import java.net.InetAddress;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.web.context.WebServerInitializedEvent;
import org.springframework.boot.web.embedded.undertow.ConfigurableUndertowWebServerFactory;
import org.springframework.boot.web.embedded.undertow.UndertowWebServer;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

/**
 * Has Undertow bind a free port of the loopback interface, and puts the listener in its place as
 * soon as it has started.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnClass({Undertow.class, ConfigurableUndertowWebServerFactory.class})
class UndertowOnListener
    implements WebServerFactoryCustomizer<ConfigurableUndertowWebServerFactory>,
        ApplicationListener<WebServerInitializedEvent>,
        Ordered {

  private final LeasedListener listener;

  UndertowOnListener(LeasedListener listener) {
    this.listener = listener;
  }

  @Override
  public int getOrder() {
    return LOWEST_PRECEDENCE;
  }

  @Override
  public void customize(ConfigurableUndertowWebServerFactory factory) {
    factory.setAddress(InetAddress.getLoopbackAddress());
    factory.setPort(0);
  }

  @Override
  public void onApplicationEvent(WebServerInitializedEvent event) {
    boolean main = event.getApplicationContext().getServerNamespace() == null;
    if (main && event.getWebServer() instanceof UndertowWebServer server) {
      try {
        listener.lease().putInPlaceOf(server.getPort(), listener.name());
      } catch (IOException e) {
        throw new NoListenerException(listener.attempt("Undertow"), e);
      }
    }
  }
}
