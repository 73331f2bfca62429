package dev.holdfast.agent.load;

import java.net.InetSocketAddress;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One connection that was lost.
 *
 * @param outcome how; {@code outcome.isLost()} holds
 * @param began when connect was called, or the request was written on a kept connection
 * @param ended when the loss was seen, to be matched against what happened to the server then
 * @param local the client's end, or null when the kernel gave none (Unix domain)
 * @param detail what was seen, for a person
 */
public record LostConnection(
    Outcome outcome,
    Instant began,
    Instant ended,
    @Nullable InetSocketAddress local,
    String detail) {

  /** The client's port, or 0 when there is none. Ports repeat over different source addresses. */
  public int localPort() {
    return local == null ? 0 : local.getPort();
  }
}
