package dev.holdfast.agent.spring;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.web.embedded.netty.NettyReactiveWebServerFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerResponse;

class ReactorNettyOnListenerTest extends AdapterContract {

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class Application {
    @Bean
    RouterFunction<ServerResponse> hello(Environment environment) {
      return RouterFunctions.route()
          .GET("/", request -> ServerResponse.ok().bodyValue(environment.getProperty("body", "")))
          .build();
    }
  }

  @Override
  protected Running start(Lease lease, String body) {
    return Applications.running(
        Applications.start(
            lease,
            WebApplicationType.REACTIVE,
            Application.class,
            NettyReactiveWebServerFactory.class,
            NettyReactiveWebServerFactory::new,
            "body=" + body));
  }

  @Override
  protected boolean polls() {
    return true;
  }

  @Override
  protected boolean tellsThePort() {
    return true;
  }
}
