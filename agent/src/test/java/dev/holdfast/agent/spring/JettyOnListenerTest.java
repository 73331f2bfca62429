package dev.holdfast.agent.spring;

import org.springframework.boot.web.embedded.jetty.JettyServletWebServerFactory;
import org.springframework.boot.web.servlet.server.ServletWebServerFactory;

class JettyOnListenerTest extends ServletContract {

  @Override
  ServletWebServerFactory factory() {
    return new JettyServletWebServerFactory();
  }
}
