package dev.holdfast.broker.core;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Workers that are replaced together: which there are, and which there are to be. Touched by the
 * thread that owns the state only.
 */
final class Service {

  /** What somebody asked for and waits for, or what a reload began. */
  enum Operation {
    RESTART("restart"),
    SCALE("scale"),
    STOP("stop"),
    START("start");

    private final String word;

    Operation(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }

    /** The one with that word; null for none. */
    static @Nullable Operation of(@Nullable String word) {
      for (Operation each : values()) {
        if (each.word.equals(word)) {
          return each;
        }
      }
      return null;
    }
  }

  final String name;
  final Map<Long, Worker> workers = new LinkedHashMap<>();

  /** How workers are started now: the last version of the configuration that was rolled out. */
  ServiceConfig running;

  /** The configuration as it was last read. */
  ServiceConfig wanted;

  /** How many workers there are to be; scaled, or as configured. */
  int count;

  /** That of workers which replace failed ones. */
  int generation = 1;

  /** The highest that was ever given to a rollout. */
  int lastGeneration = 1;

  boolean stopped;

  /** No longer configured: it is forgotten with its last worker. */
  boolean removed;

  /** Whether a connection has come, of a service that waits for one. */
  boolean demanded;

  Instant lastConnection = Instant.EPOCH;

  /** Failures in a row. */
  int failures;

  @Nullable Instant nextStart;
  long restarts;
  @Nullable String message;
  @Nullable Rollout rollout;

  /** Whether the last one failed; {@link #message} says why. */
  boolean rolloutFailed;

  /** Whether a rollout to a newer configuration has to follow. */
  boolean outdated;

  @Nullable Operation operation;
  long asker = Outbox.GONE;

  Service(String name, ServiceConfig config) {
    this.name = name;
    this.running = config;
    this.wanted = config;
    this.count = config.workers();
  }

  Entry.Key key() {
    return new Entry.Key(Entry.Kind.SERVICE, name);
  }

  List<Worker> those(Predicate<Worker> which) {
    List<Worker> result = new ArrayList<>();
    for (Worker worker : workers.values()) {
      if (which.test(worker)) {
        result.add(worker);
      }
    }
    return result;
  }

  int ready() {
    return those(worker -> worker.state == WorkerState.READY).size();
  }

  /** Whether as many workers as are to be have settled, and no other is there. */
  boolean isWhole(int target) {
    return those(worker -> worker.settled && !worker.isStopping()).size() == target
        && those(worker -> !worker.abandoned).size() == target;
  }

  /** One that another broker kept. */
  Service(Entry.OfService entry) {
    this.name = entry.name();
    this.running = entry.running();
    this.wanted = entry.wanted();
    this.count = entry.count();
    this.generation = entry.generation();
    this.lastGeneration = entry.lastGeneration();
    this.stopped = entry.stopped();
    this.removed = entry.removed();
    this.demanded = entry.demanded();
    this.lastConnection = entry.lastConnection();
    this.failures = entry.failures();
    this.nextStart = entry.nextStart().orElse(null);
    this.restarts = entry.restarts();
    this.message = entry.message();
    Entry.RolloutUnderWay underWay = entry.rollout();
    this.rollout =
        underWay == null
            ? null
            : new Rollout(
                underWay.generation(),
                underWay.target(),
                underWay.allAtOnce(),
                underWay.readyTimeout(),
                underWay.begun());
    this.rolloutFailed = entry.rolloutFailed();
    this.outdated = entry.outdated();
    this.operation = Operation.of(entry.operation());
  }

  Entry.OfService entry() {
    Rollout underWay = rollout;
    Operation begun = operation;
    return new Entry.OfService(
        name,
        running,
        wanted,
        count,
        generation,
        lastGeneration,
        stopped,
        removed,
        demanded,
        lastConnection,
        failures,
        Optional.ofNullable(nextStart),
        restarts,
        message,
        underWay == null
            ? null
            : new Entry.RolloutUnderWay(
                underWay.generation(),
                underWay.target(),
                underWay.allAtOnce(),
                underWay.readyTimeout(),
                underWay.begun()),
        rolloutFailed,
        outdated,
        begun == null ? null : begun.word());
  }

  Answer.ServiceView view(boolean onDemand) {
    return new Answer.ServiceView(
        name,
        state(onDemand),
        count,
        ready(),
        generation,
        restarts,
        !wanted.runsLike(running),
        Optional.ofNullable(nextStart),
        message,
        running.listeners(),
        workers.values().stream().map(Worker::view).toList());
  }

  private String state(boolean onDemand) {
    if (stopped || removed) {
      return workers.isEmpty() ? "stopped" : "stopping";
    }
    if (rollout != null) {
      return "restarting";
    }
    if (nextStart != null) {
      return "failing";
    }
    if (onDemand && !demanded) {
      return workers.isEmpty() ? "idle" : "stopping";
    }
    return ready() < count ? "starting" : "running";
  }
}
