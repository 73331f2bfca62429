package dev.holdfast.agent.spring;

import dev.holdfast.agent.Lease;
import java.io.IOException;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;

/**
 * Puts the application's web server on a listener.
 *
 * <p>{@code holdfast.listener=web} is all it needs; without it nothing happens, and {@code
 * holdfast.enabled=false} turns it off again, for a run on one's own machine. The address and port
 * of the configuration then mean nothing. The lease is the one that the process was started with,
 * or else asked for; an application that wants another one declares a bean of type {@link Lease}.
 *
 * <p>When the application accepts traffic, as its availability state says, the lease is ready. When
 * the broker asks for the listener back, the application context is closed, with its graceful
 * shutdown. The lease is released once the web server has stopped.
 */
@AutoConfiguration
@ConditionalOnWebApplication
@ConditionalOnProperty(prefix = "holdfast", name = "listener")
@ConditionalOnExpression("${holdfast.enabled:true}")
@Import({
  TomcatOnListener.class,
  JettyOnListener.class,
  UndertowOnListener.class,
  ReactorNettyOnListener.class
})
public class HoldfastAutoConfiguration {

  /** Owned by the context, which releases it after the web server has stopped. */
  @Bean(destroyMethod = "release")
  @ConditionalOnMissingBean
  Lease holdfastLease(Environment environment) {
    String listener = environment.getRequiredProperty("holdfast.listener");
    try {
      return Lease.obtain(listener);
    } catch (IOException e) {
      throw new NoListenerException("serve on listener " + listener, e);
    }
  }

  @Bean
  LeasedListener holdfastListener(Lease lease, Environment environment) {
    return new LeasedListener(lease, environment.getRequiredProperty("holdfast.listener"));
  }

  @Bean
  ReadyAndDrain holdfastReadyAndDrain(Lease lease, ConfigurableApplicationContext context) {
    return new ReadyAndDrain(lease, context);
  }
}
