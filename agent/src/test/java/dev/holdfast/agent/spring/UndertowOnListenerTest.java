package dev.holdfast.agent.spring;

import org.springframework.boot.web.embedded.undertow.UndertowServletWebServerFactory;
import org.springframework.boot.web.servlet.server.ServletWebServerFactory;

class UndertowOnListenerTest extends ServletContract {

  @Override
  ServletWebServerFactory factory() {
    return new UndertowServletWebServerFactory();
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
