package dev.holdfast.broker.bind;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.listener.ListenerName;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A socket that we hold: its descriptor, and what it ought to be. Touched by the loop's thread
 * only.
 */
final class HeldSocket {

  final ListenerName name;
  final BoundSocket bound;
  OwnedFd fd;
  @Nullable UnixPath path;
  ListenerConfig config;
  boolean listening;
  int queueLimit; // what the kernel made of the backlog when we asked for it
  boolean watched; // registered with the poller
  boolean audited; // workers hold it
  boolean awaited; // the next connection is to be told of
  @Nullable Instant auditAt;

  HeldSocket(
      ListenerName name,
      BoundSocket bound,
      OwnedFd fd,
      @Nullable UnixPath path,
      ListenerConfig config) {
    this.name = name;
    this.bound = bound;
    this.fd = fd;
    this.path = path;
    this.config = config;
  }

  boolean isUnix() {
    return bound.port() == 0;
  }
}
