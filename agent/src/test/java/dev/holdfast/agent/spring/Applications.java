package dev.holdfast.agent.spring;

import dev.holdfast.agent.AdapterContract.Running;
import dev.holdfast.agent.Lease;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.support.GenericApplicationContext;

/** Starts applications in this JVM. */
final class Applications {

  private Applications() {}

  /**
   * @param lease the application's, though not to be released by it
   */
  static <F> ConfigurableApplicationContext start(
      Lease lease,
      WebApplicationType type,
      Class<?> application,
      Class<F> factoryType,
      Supplier<F> factory,
      String... properties) {
    List<String> all = new ArrayList<>(List.of("holdfast.listener=web", "server.port=1"));
    all.addAll(List.of(properties));
    return new SpringApplicationBuilder(application)
        .web(type)
        .bannerMode(Banner.Mode.OFF)
        .logStartupInfo(false)
        .registerShutdownHook(false)
        .properties(all.toArray(String[]::new))
        .initializers(
            (GenericApplicationContext context) -> {
              context.getBeanFactory().registerSingleton("lease", lease);
              context.registerBean(factoryType, factory);
            })
        .run();
  }

  static Running running(ConfigurableApplicationContext context) {
    return new Running() {
      @Override
      public int port() {
        return Objects.requireNonNull(((WebServerApplicationContext) context).getWebServer())
            .getPort();
      }

      @Override
      public void stop() {
        context.close();
      }
    };
  }
}
