package dev.holdfast.agent.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.agent.FakeBroker;
import dev.holdfast.agent.Holdfast;
import dev.holdfast.agent.Lease;
import dev.holdfast.agent.TestListener;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.JsonObject;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;
import org.springframework.boot.web.servlet.server.ServletWebServerFactory;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.support.GenericApplicationContext;

@Timeout(60)
class ReadyAndDrainTest {

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class Application {
    @Bean
    ServletWebServerFactory tomcat() {
      return new TomcatServletWebServerFactory();
    }
  }

  @TempDir Path directory;

  private static SpringApplicationBuilder application(String... properties) {
    return new SpringApplicationBuilder(Application.class)
        .web(WebApplicationType.SERVLET)
        .registerShutdownHook(false)
        .logStartupInfo(false)
        .properties(properties);
  }

  @Test
  void isReadyWithTheApplicationAndClosesItWhenTheBrokerAsks() throws Exception {
    Path control = directory.resolve("s");
    CountDownLatch closed = new CountDownLatch(1);
    try (TestListener listener = TestListener.open(true);
        FakeBroker broker = new FakeBroker(control, Map.of("web", listener.fd()));
        Holdfast holdfast = Holdfast.connect(new UnixAddress.Path(control))) {
      Lease lease = holdfast.acquire("web");
      assertThat(broker.calls.take().memberName()).isEqualTo("Acquire");
      var unused =
          application("holdfast.listener=web")
              .initializers(
                  (GenericApplicationContext starting) ->
                      starting.registerBean(Lease.class, () -> lease))
              .listeners(event -> count(event, closed))
              .run();
      List<String> said = new ArrayList<>();
      said.add(broker.calls.take().memberName());
      said.add(broker.calls.take().memberName());
      assertThat(said).containsExactlyInAnyOrder("Ready", "Await");

      broker.announce(JsonObject.of("state", "draining"));
      assertThat(broker.calls.take().memberName()).isEqualTo("Release");
      closed.await();
      assertThat(Sockets.isListening(listener.fd())).isTrue();
    }
  }

  private static void count(Object event, CountDownLatch closed) {
    if (event instanceof ContextClosedEvent) {
      closed.countDown();
    }
  }

  @Test
  void saysReadyOnlyWhenTheApplicationAcceptsTraffic() throws Exception {
    Path control = directory.resolve("s");
    try (TestListener listener = TestListener.open(true);
        FakeBroker broker = new FakeBroker(control, Map.of("web", listener.fd()));
        Holdfast holdfast = Holdfast.connect(new UnixAddress.Path(control));
        Lease lease = holdfast.acquire("web");
        GenericApplicationContext context = new GenericApplicationContext()) {
      assertThat(broker.calls.take().memberName()).isEqualTo("Acquire");
      context.refresh();
      ReadyAndDrain tied = new ReadyAndDrain(lease, context);
      tied.onApplicationEvent(new AvailabilityChangeEvent<>(this, ReadinessState.REFUSING_TRAFFIC));
      assertThat(broker.calls).isEmpty();
      tied.onApplicationEvent(
          new AvailabilityChangeEvent<>(this, ReadinessState.ACCEPTING_TRAFFIC));
      assertThat(broker.calls.take().memberName()).isIn("Ready", "Await");
    }
  }

  @Test
  void doesNothingUnlessAListenerIsNamed() {
    try (ConfigurableApplicationContext context = application("server.port=0").run()) {
      assertThat(context.getBeansOfType(Lease.class)).isEmpty();
      assertThat(context.getBeansOfType(LeasedListener.class)).isEmpty();
    }
  }

  @Test
  void bindsAPortOfItsOwnWhereItIsTurnedOff() throws Exception {
    try (ConfigurableApplicationContext context =
        application("server.port=0", "holdfast.listener=web", "holdfast.enabled=false").run()) {
      int port = ((ServletWebServerApplicationContext) context).getWebServer().getPort();
      try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port)) {
        assertThat(client.isConnected()).isTrue();
      }
    }
  }

  @Test
  void saysWhatToDoWhenThereIsNoBroker() {
    SpringApplication nowhere =
        application("holdfast.listener=web", "spring.main.banner-mode=off").build();
    assertThatThrownBy(nowhere::run)
        .hasRootCauseInstanceOf(dev.holdfast.fd.ErrnoException.class)
        .hasStackTraceContaining("serve on listener web");
    NoListenerException failure =
        new NoListenerException("serve on listener web: connect: what to do");
    FailureAnalysis shown = new NoListenerAnalyzer().analyze(failure);
    assertThat(shown.getDescription()).isEqualTo("serve on listener web: connect: what to do");
  }
}
