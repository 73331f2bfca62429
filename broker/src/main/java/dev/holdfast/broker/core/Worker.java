package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A process that the broker started for a service. Touched by the thread that owns the state only.
 */
final class Worker {

  final long id;
  final int generation;

  /** What it was started by. */
  final ServiceConfig config;

  final LeaseId lease;
  final Instant since;
  int pid; // 0 until its process is made
  WorkerState state = WorkerState.STARTING;
  @Nullable Instant readyAt;

  /** Ready for as long as the service wants before it relies on it. */
  boolean settled;

  /** The stop signal to be sent as soon as there is a process; 0 for none. */
  int signalWhenSpawned;

  /** It was asked to finish, by a signal or by the drain that it waited for, or need not be. */
  boolean asked;

  boolean killed;

  /** It does not die of SIGKILL; nobody waits for it any more. */
  boolean abandoned;

  /** Why it is about to end, when that is its own fault; null while it is not. */
  @Nullable String failure;

  @Nullable String status;

  Worker(long id, int generation, ServiceConfig config, LeaseId lease, Instant since) {
    this.id = id;
    this.generation = generation;
    this.config = config;
    this.lease = lease;
    this.since = since;
  }

  /** One that another broker kept. */
  Worker(Entry.OfWorker entry) {
    this(entry.worker(), entry.generation(), entry.config(), entry.lease(), entry.since());
    this.pid = entry.pid();
    this.state = entry.state();
    this.readyAt = entry.readyAt().orElse(null);
    this.settled = entry.settled();
    this.asked = entry.asked();
    this.killed = entry.killed();
    this.abandoned = entry.abandoned();
    this.failure = entry.failure();
    this.status = entry.status();
  }

  Entry.Key key() {
    return new Entry.Key(Entry.Kind.WORKER, Long.toString(id));
  }

  Entry.OfWorker entry(String service) {
    return new Entry.OfWorker(
        id,
        service,
        generation,
        config,
        lease,
        since,
        pid,
        state,
        Optional.ofNullable(readyAt),
        settled,
        killed,
        abandoned,
        failure,
        status,
        asked);
  }

  boolean isStopping() {
    return state == WorkerState.STOPPING;
  }

  /** What is lost with it: nothing while it serves nobody, or when it is about to die. */
  int worth() {
    if (killed || state != WorkerState.READY) {
      return 0;
    }
    return settled ? 2 : 1;
  }

  /** For messages and the log. */
  String describe() {
    return "worker " + id + (pid == 0 ? "" : " (pid " + pid + ")");
  }

  Answer.WorkerView view() {
    return new Answer.WorkerView(id, lease, pid, generation, state, since, status);
  }
}
