package dev.holdfast.broker.core;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The replacement of all workers of a service by new ones: which step is next. A new worker has to
 * be ready, and to stay alive for a while, before an old one is drained for it.
 *
 * @param generation that of the new workers
 * @param target what they are started by
 * @param allAtOnce whether all new ones start together, and the old ones go when all are ready
 * @param readyTimeout instead of the configured one
 */
record Rollout(
    int generation,
    ServiceConfig target,
    boolean allAtOnce,
    Optional<Duration> readyTimeout,
    Instant begun) {

  /** How many new workers are to be started now. */
  int toStart(Service service, int count) {
    int fresh = service.those(worker -> isNew(worker) && !worker.isStopping()).size();
    int present = service.those(worker -> !worker.abandoned).size();
    int most = count + (allAtOnce ? count : target.restarts().surge());
    return Math.max(0, Math.min(count - fresh, most - present));
  }

  /**
   * The old workers to be drained now: those with which the least is lost first, then the oldest.
   * So when one goes that is ready, all that stay are; and with the new ones that have settled they
   * are as many as there are to be.
   */
  List<Worker> toDrain(Service service, int count) {
    int settled = service.those(worker -> isNew(worker) && isReliable(worker)).size();
    List<Worker> old = service.those(worker -> !isNew(worker) && !worker.isStopping());
    int surplus = allAtOnce && settled < count ? 0 : settled + old.size() - count;
    if (surplus <= 0) {
      return List.of();
    }
    old.sort(Comparator.comparing(Worker::worth).thenComparing(worker -> worker.id));
    return old.subList(0, Math.min(surplus, old.size()));
  }

  /**
   * New ones that are not wanted any more, since the number was lowered: those with which the least
   * is lost, then the newest.
   */
  List<Worker> tooMany(Service service, int count) {
    List<Worker> fresh = service.those(worker -> isNew(worker) && !worker.isStopping());
    fresh.sort(Comparator.comparing(Worker::worth).reversed().thenComparing(worker -> worker.id));
    return fresh.subList(Math.min(count, fresh.size()), fresh.size());
  }

  /** Whether all new ones are there, and all old ones are gone. */
  boolean isDone(Service service, int count) {
    return service.those(worker -> isNew(worker) && isReliable(worker)).size() >= count
        && service.those(worker -> !isNew(worker) && !worker.abandoned).isEmpty();
  }

  boolean isNew(Worker worker) {
    return worker.generation == generation;
  }

  private static boolean isReliable(Worker worker) {
    return worker.settled && !worker.isStopping();
  }
}
