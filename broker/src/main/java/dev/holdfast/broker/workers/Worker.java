package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.fd.Child;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import java.time.Instant;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is known of one worker, from its order until nothing of it lives. The loop's thread. */
final class Worker {

  final WorkerOrder order;

  /**
   * The child that we made, or were given. It stays, also when it has ended, as long as its group
   * lives.
   */
  @Nullable MainProcess first;

  /** Who took over from it. */
  @Nullable MainProcess second;

  /** Where the waiting child is sent its go; null when that is done or will not be. */
  @Nullable OwnedFd go;

  @Nullable Printed printed;

  /** The signal that asks it to finish; 0: nobody wants it to. */
  int stopSignal;

  boolean killed;

  /** How the main process ended; null while it lives. */
  Child.@Nullable Ended ended;

  /** Whether its end was told: what lives of it then is nobody's. */
  boolean told;

  /** Whether a look at what lives of it is under way. */
  boolean looking;

  /** The one of those that live of it whose end is awaited. */
  @Nullable Pidfd awaited;

  /** What was said about it, for all its life. */
  final Set<String> warned = new HashSet<>(2);

  /** Those left that were asked to finish. */
  final Set<Integer> asked = new HashSet<>(2);

  /** Whether what lives of it was asked to finish, and is killed at the deadline. */
  boolean lingering;

  /** When something is to be done about those that live of it. */
  @Nullable Instant deadline;

  Worker(WorkerOrder order) {
    this.order = order;
  }

  /** The process that stands for it; null before it is made. */
  @Nullable MainProcess main() {
    return second != null ? second : first;
  }

  boolean isToEnd() {
    return stopSignal != 0 || killed;
  }

  /**
   * The process groups that are its own. Never 0, which stands for none here: in /proc it is the
   * group of the kernel's threads, and of a process 1 that never made one, with all that it starts.
   */
  Set<Integer> groups() {
    Set<Integer> groups = new HashSet<>(4);
    for (MainProcess each : new MainProcess[] {first, second}) {
      if (each != null && each.group() != 0) {
        groups.add(each.group());
      }
    }
    return groups;
  }
}
