package dev.holdfast.agent.spring;

import dev.holdfast.agent.Drain;
import dev.holdfast.agent.Lease;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicBoolean;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.ApplicationListener;
import org.springframework.context.ConfigurableApplicationContext;

/**
 * Ties the lease to the life of the application. Until the application accepts traffic for the
 * first time, nobody asks it for a drain, and the broker ends it by its stop signal.
 */
final class ReadyAndDrain implements ApplicationListener<AvailabilityChangeEvent<ReadinessState>> {

  private static final System.Logger LOG = System.getLogger(ReadyAndDrain.class.getName());

  private final Lease lease;
  private final ConfigurableApplicationContext context;
  private final AtomicBoolean asked = new AtomicBoolean();

  ReadyAndDrain(Lease lease, ConfigurableApplicationContext context) {
    this.lease = lease;
    this.context = context;
  }

  @Override
  public void onApplicationEvent(AvailabilityChangeEvent<ReadinessState> event) {
    if (event.getState() != ReadinessState.ACCEPTING_TRAFFIC) {
      return;
    }
    if (asked.compareAndSet(false, true)) {
      lease.onDrain(this::close);
    }
    try {
      lease.ready();
    } catch (IOException e) {
      LOG.log(Level.WARNING, "lease={0} ready: {1}", lease.id(), e.getMessage());
    }
  }

  /** On a thread that keeps the JVM alive, while the application's own threads end. */
  private void close(Drain drain) {
    LOG.log(
        Level.INFO,
        "lease={0} drain: closing the application{1}",
        lease.id(),
        drain.left(Instant.now()).map(left -> ", within " + left.toSeconds() + "s").orElse(""));
    new Thread(context::close, "holdfast-drain").start();
  }
}
