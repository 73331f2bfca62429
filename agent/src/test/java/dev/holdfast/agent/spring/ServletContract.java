package dev.holdfast.agent.spring;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.web.servlet.server.ServletWebServerFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerResponse;

/** An application with servlets, on a server that a subclass chooses. */
abstract class ServletContract extends AdapterContract {

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class Application {
    @Bean
    RouterFunction<ServerResponse> hello(Environment environment) {
      return RouterFunctions.route()
          .GET("/", request -> ServerResponse.ok().body(environment.getProperty("body", "")))
          .build();
    }
  }

  abstract ServletWebServerFactory factory();

  @Override
  protected Running start(Lease lease, String body) {
    return Applications.running(
        Applications.start(
            lease,
            WebApplicationType.SERVLET,
            Application.class,
            ServletWebServerFactory.class,
            this::factory,
            "body=" + body));
  }

  @Override
  protected boolean polls() {
    return false;
  }

  @Override
  protected boolean tellsThePort() {
    return true;
  }
}
