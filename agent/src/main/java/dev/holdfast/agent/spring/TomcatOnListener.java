package dev.holdfast.agent.spring;

import dev.holdfast.agent.tomcat.LeasedProtocol;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.web.embedded.tomcat.ConfigurableTomcatWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatReactiveWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

/** Makes the connector with a protocol that accepts on the listener. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnClass({Tomcat.class, ConfigurableTomcatWebServerFactory.class})
class TomcatOnListener
    implements WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory>, Ordered {

  private final LeasedListener listener;

  TomcatOnListener(LeasedListener listener) {
    this.listener = listener;
  }

  @Override
  public int getOrder() {
    return LOWEST_PRECEDENCE;
  }

  @Override
  public void customize(ConfigurableTomcatWebServerFactory factory) {
    if (factory instanceof TomcatServletWebServerFactory servlet) {
      servlet.setProtocol(LeasedProtocol.class.getName());
    } else if (factory instanceof TomcatReactiveWebServerFactory reactive) {
      reactive.setProtocol(LeasedProtocol.class.getName());
    }
    factory.addConnectorCustomizers(this::listenOn);
  }

  private void listenOn(Connector connector) {
    if (!(connector.getProtocolHandler() instanceof LeasedProtocol protocol)) {
      throw new NoListenerException(
          listener.attempt("Tomcat")
              + ": its connector has the protocol "
              + connector.getProtocolHandlerClassName()
              + " already. Leave that out, or turn this off with holdfast.enabled=false");
    }
    protocol.listenOn(listener.lease(), listener.name());
  }
}
