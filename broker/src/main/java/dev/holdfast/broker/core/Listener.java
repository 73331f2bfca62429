package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A name and its sockets. Touched by the thread that owns the state only. */
final class Listener {

  private final ListenerName name;
  private final Set<LeaseId> leases = new LinkedHashSet<>();
  private final Map<Long, String> failures = new LinkedHashMap<>(2); // by socket
  private boolean configured;
  private ListenerConfig config;
  private @Nullable BoundSocket socket;
  private @Nullable BoundSocket companion;

  /** Whether the next connection is to be told of. */
  boolean awaited;

  int healed;
  int flagsRestored;
  int backlogRestored;

  /**
   * A listener without a socket yet.
   *
   * @param configured whether it stands in the configuration, so that a reload without it closes it
   */
  Listener(ListenerName name, ListenerConfig config, boolean configured) {
    this.name = name;
    this.config = config;
    this.configured = configured;
  }

  ListenerName name() {
    return name;
  }

  ListenerConfig config() {
    return config;
  }

  boolean isConfigured() {
    return configured;
  }

  void belongToConfiguration() {
    configured = true;
  }

  @Nullable BoundSocket socket() {
    return socket;
  }

  @Nullable BoundSocket companion() {
    return companion;
  }

  Set<LeaseId> leases() {
    return leases;
  }

  void configure(ListenerConfig next) {
    config = next;
  }

  void open(@Nullable BoundSocket main, @Nullable BoundSocket beside) {
    socket = main;
    companion = beside;
    failures.clear();
    awaited = false;
  }

  void fail(long failed, String message) {
    failures.put(failed, message);
  }

  /** One of its sockets works again; the other may still not. */
  void recover(long recovered) {
    failures.remove(recovered);
  }

  /** Whether one of its sockets could not be bound or healed again. */
  boolean hasFailed() {
    return !failures.isEmpty();
  }

  /** Whether clients get into the queue now. */
  boolean shouldListen() {
    return config.idle() != IdlePolicy.REFUSE || !leases.isEmpty();
  }

  Answer.ListenerView view() {
    return new Answer.ListenerView(
        name,
        config,
        socket,
        companion,
        state(),
        leases.size(),
        healed,
        flagsRestored,
        backlogRestored,
        failures.values().stream().findFirst().orElse(null));
  }

  private String state() {
    if (hasFailed()) {
      return "failed";
    }
    if (socket == null) {
      return "stopped";
    }
    return leases.isEmpty() ? "idle" : "listening";
  }
}
