package dev.holdfast.agent.spring;

import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.boot.web.servlet.server.ServletWebServerFactory;

class TomcatOnListenerTest extends ServletContract {

  @Override
  ServletWebServerFactory factory() {
    return new TomcatServletWebServerFactory();
  }
}
