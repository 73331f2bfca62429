package dev.holdfast.broker.core;

import dev.holdfast.listener.ListenSpec;
import java.util.List;

/**
 * How a listener is to be.
 *
 * @param backlog the argument of listen(2); the kernel caps it at net.core.somaxconn
 * @param blocking whether O_NONBLOCK is off on the shared description, for simple servers that
 *     block in accept
 * @param allow who may acquire it, besides root and the broker's own uid
 */
public record ListenerConfig(
    ListenSpec spec,
    int backlog,
    boolean blocking,
    IdlePolicy idle,
    Companion companion,
    List<Principal> allow,
    SocketSettings socket) {

  /** As much as the kernel allows: it caps the number at net.core.somaxconn, and says nothing. */
  public static final int DEFAULT_BACKLOG = 65_535;

  public ListenerConfig {
    allow = List.copyOf(allow);
  }

  public static ListenerConfig of(ListenSpec spec) {
    return new ListenerConfig(
        spec,
        DEFAULT_BACKLOG,
        false,
        IdlePolicy.QUEUE,
        new Companion.None(),
        List.of(),
        SocketSettings.DEFAULT);
  }

  /** Whether the spec is {@code 0}: the name stays, and nothing listens. */
  public boolean isStopped() {
    return spec instanceof ListenSpec.Stopped;
  }
}
