package dev.holdfast.broker.core;

import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.listener.PortChoice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A name and its sockets. Touched by the thread that owns the state only. */
final class Listener {

  /**
   * Sockets that a broker before had, and that nobody gave to this one.
   *
   * @param main null if it is there
   * @param companion null if it is there, or there is none
   * @param why a sentence without a full stop
   */
  record Lost(@Nullable BoundSocket main, @Nullable BoundSocket companion, String why) {

    List<BoundSocket> sockets() {
      return Stream.of(main, companion).filter(Objects::nonNull).toList();
    }

    /**
     * What takes their place: the same endpoints, also where a range was to choose from.
     *
     * @param beside whether the companion is there, and is not to be bound with the main socket
     */
    BindOrder order(ListenerName name, ListenerConfig config, boolean beside) {
      BoundSocket first = main == null ? companion : main;
      ListenSpec spec = config.spec();
      if (first != null && main == null) {
        spec = unix(first, spec);
      } else if (first != null && first.port() > 0 && spec instanceof ListenSpec.Inet inet) {
        spec =
            new ListenSpec.Inet(
                inet.transport(),
                inet.reusePort(),
                inet.multithreaded(),
                inet.host(),
                new PortChoice.Fixed(first.port()));
      }
      ListenerConfig again =
          new ListenerConfig(
              spec,
              config.backlog(),
              config.blocking(),
              config.idle(),
              main == null || beside ? new Companion.None() : config.companion(),
              config.allow(),
              config.socket());
      return new BindOrder(name, again, config.idle() != IdlePolicy.REFUSE);
    }

    private static ListenSpec unix(BoundSocket companion, ListenSpec otherwise) {
      try {
        return ListenSpec.parse(companion.endpoint());
      } catch (InvalidSpecException e) {
        return otherwise; // fails as long as the main socket is there, and says so
      }
    }
  }

  private final ListenerName name;
  private final Set<LeaseId> leases = new LinkedHashSet<>();
  private final Map<Long, String> failures = new LinkedHashMap<>(2); // by socket
  private boolean configured;
  private ListenerConfig config;
  private @Nullable BoundSocket socket;
  private @Nullable BoundSocket companion;
  private @Nullable Lost lost;

  /** How long after the last attempt it is bound anew. */
  Duration retryDelay = Duration.ZERO;

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
    lost = null;
    retryDelay = Duration.ZERO;
    // One of the two may stay, and may be broken.
    failures.keySet().removeIf(each -> !isId(main, each) && !isId(beside, each));
    awaited = false;
  }

  private static boolean isId(@Nullable BoundSocket bound, long id) {
    return bound != null && bound.id() == id;
  }

  /** Its sockets of an earlier life, those that nobody has being {@code missing}. */
  void remember(@Nullable BoundSocket main, @Nullable BoundSocket beside, @Nullable Lost missing) {
    socket = main;
    companion = beside;
    lost = missing;
    if (missing != null) {
      missing.sockets().forEach(each -> failures.put(each.id(), missing.why()));
    }
  }

  /** What is to be bound anew as soon as that can be; null for nothing. */
  @Nullable Lost lost() {
    return lost;
  }

  /** Whether it has no socket now, and is to have one. */
  boolean isLost() {
    Lost missing = lost;
    return missing != null && missing.main() != null;
  }

  /** Somebody gave a lost socket back. */
  void regain(BoundSocket again) {
    Lost missing = lost;
    if (missing == null) {
      return;
    }
    failures.remove(again.id());
    BoundSocket main = missing.main();
    if (main != null && main.id() == again.id()) {
      socket = again;
      lost =
          missing.companion() == null ? null : new Lost(null, missing.companion(), missing.why());
    } else {
      companion = again;
      lost = main == null ? null : new Lost(main, null, missing.why());
    }
  }

  /** One of its sockets has another identity now. */
  void renew(BoundSocket renewed) {
    BoundSocket main = socket;
    if (main != null && main.id() == renewed.id()) {
      socket = renewed;
    } else {
      companion = renewed;
    }
  }

  /** Those that it has now. */
  List<BoundSocket> sockets() {
    List<BoundSocket> result = new ArrayList<>(2);
    if (socket != null) {
      result.add(socket);
    }
    if (companion != null) {
      result.add(companion);
    }
    return result;
  }

  /** Those that it has, and those that it has lost. */
  List<BoundSocket> known() {
    List<BoundSocket> result = sockets();
    Lost missing = lost;
    if (missing != null) {
      result.addAll(missing.sockets());
    }
    return result;
  }

  /** What is wrong with one of its sockets; null for nothing. */
  @Nullable String failure(long of) {
    return failures.get(of);
  }

  Entry.Key key() {
    return new Entry.Key(Entry.Kind.LISTENER, name.value());
  }

  /** What is lost stays known: it may be found another time. */
  Entry.OfListener entry() {
    Lost missing = lost;
    BoundSocket main = socket == null && missing != null ? missing.main() : socket;
    BoundSocket beside = companion == null && missing != null ? missing.companion() : companion;
    return new Entry.OfListener(
        name, config, configured, main, beside, healed, flagsRestored, backlogRestored);
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
