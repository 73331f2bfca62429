package dev.holdfast.agent.spring;

import dev.holdfast.agent.jetty.JettyListener;
import java.io.IOException;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.web.embedded.jetty.ConfigurableJettyWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

/** Opens the first connector on the listener. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnClass({Server.class, ConfigurableJettyWebServerFactory.class})
class JettyOnListener
    implements WebServerFactoryCustomizer<ConfigurableJettyWebServerFactory>, Ordered {

  private final LeasedListener listener;

  JettyOnListener(LeasedListener listener) {
    this.listener = listener;
  }

  @Override
  public int getOrder() {
    return LOWEST_PRECEDENCE;
  }

  @Override
  public void customize(ConfigurableJettyWebServerFactory factory) {
    factory.addServerCustomizers(this::open);
  }

  private void open(Server server) {
    for (Connector each : server.getConnectors()) {
      if (each instanceof ServerConnector connector) {
        try {
          JettyListener.open(connector, listener.lease(), listener.name());
        } catch (IOException e) {
          throw new NoListenerException(listener.attempt("Jetty"), e);
        }
        return;
      }
    }
    throw new NoListenerException(
        listener.attempt("Jetty") + ": it has no ServerConnector to put there");
  }
}
