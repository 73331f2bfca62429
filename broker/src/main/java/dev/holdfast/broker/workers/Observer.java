package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Event;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.ThreadLimit;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Looks at processes from outside: whether they wait for connections, how many they have open, and
 * when is a moment to stop them.
 *
 * <p>The methods are called on the loop's thread, and return at once. All looking is done by a
 * thread of its own, {@code broker-observer}, which is there only while something is to be looked
 * at; what it finds is posted to the loop.
 */
public final class Observer implements AutoCloseable {

  private static final Duration AFTER_TROUBLE = Duration.ofMillis(100);
  private static final long THREAD_STAYS_SECONDS = 2;
  private static final long CLOSING_SECONDS = 5;

  private final Consumer<Runnable> post;
  private final Consumer<Event> events;
  private final Map<LeaseId, Observation> observed = new HashMap<>(); // the loop's thread only
  // The loop's thread adds, both remove.
  private final Set<QuietStop> stopping = ConcurrentHashMap.newKeySet();
  // Made when it is first needed, on the loop's thread: a broker may never look at anything.
  private volatile @Nullable ScheduledThreadPoolExecutor thread;
  private final Semaphore turn = new Semaphore(1); // whoever looks has it
  private boolean paused; // the loop's thread only
  private boolean closed; // the loop's thread only

  /**
   * @param post has the loop's thread run something; may be called from any thread
   * @param events queues an event; called on the loop's thread only
   */
  public Observer(Consumer<Runnable> post, Consumer<Event> events) {
    this.post = post;
    this.events = events;
  }

  private static ScheduledThreadPoolExecutor newThread() {
    ScheduledThreadPoolExecutor one =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread made = new Thread(task, "broker-observer");
              made.setDaemon(true);
              return made;
            });
    one.setKeepAliveTime(THREAD_STAYS_SECONDS, TimeUnit.SECONDS);
    one.allowCoreThreadTimeOut(true);
    return one;
  }

  /**
   * Tells {@link Event.Seen} once, when the process or one that it started is seen waiting for what
   * comes to one of the sockets. Tells {@link Event.Warned} once where it cannot be looked at.
   *
   * @param borrowed may be closed when this returns
   */
  public void observe(LeaseId lease, int pid, List<OwnedFd> borrowed) {
    unobserve(lease);
    try {
      if (pid <= 0) {
        throw new Proc.NotAllowedException("it is outside of the broker's pid namespace");
      }
      Observation observation = new Observation(lease, pid, SocketIdentity.ofAll(borrowed));
      observed.put(lease, observation);
      run(() -> look(observation), Duration.ZERO);
    } catch (IOException e) {
      events.accept(cannotLook("pid " + pid + " (" + e.getMessage() + ")"));
    }
  }

  private static Event cannotLook(String at) {
    return new Event.Warned(
        null,
        "cannot look at "
            + at
            + ": it has to say READY=1 on its notify socket; or give the broker the right to look"
            + " (CAP_SYS_PTRACE)");
  }

  /** After this no event comes of the lease. One that is not observed is fine. */
  public void unobserve(LeaseId lease) {
    Observation observation = observed.remove(lease);
    if (observation != null) {
      observation.end();
    }
  }

  private void look(Observation observation) {
    if (observation.hasEnded()) {
      return;
    }
    long from = System.nanoTime();
    try {
      switch (observation.look()) {
        case SEEN -> tell(observation, new Event.Seen(observation.lease()), true);
        case GONE -> {} // whoever follows the process learns of its end, and unobserves
        case NOT_YET -> {
          observation.untoldDenial().ifPresent(what -> tell(observation, cannotLook(what), false));
          Duration cost = Duration.ofNanos(System.nanoTime() - from);
          run(() -> look(observation), observation.nextPause(cost));
        }
      }
    } catch (IOException e) {
      run(() -> look(observation), AFTER_TROUBLE); // ours: no descriptor is free at the moment
    }
  }

  private void tell(Observation observation, Event event, boolean last) {
    post.accept(
        () -> {
          if (!observation.hasEnded()) {
            if (last) {
              unobserve(observation.lease());
            }
            events.accept(event);
          }
        });
  }

  /**
   * Tells {@link Event.OpenCounted}: how many connections that were accepted on the sockets the
   * processes have open, and those that they started; none when we may not look.
   *
   * @param borrowed may be closed when this returns
   */
  public void countOpen(String service, List<Integer> pids, List<OwnedFd> borrowed) {
    try {
      OpenConnections connections = new OpenConnections(SocketIdentity.ofAll(borrowed));
      List<Integer> roots = List.copyOf(pids);
      run(() -> count(service, roots, connections), Duration.ZERO);
    } catch (IOException e) {
      events.accept(new Event.Warned(service, "cannot count connections: " + e.getMessage()));
      events.accept(new Event.OpenCounted(service, 0));
    }
  }

  private void count(String service, List<Integer> roots, OpenConnections connections) {
    int open = 0;
    try {
      Set<Integer> all = new HashSet<>();
      for (int root : roots) {
        all.addAll(ProcessTree.of(root));
      }
      open = connections.countIn(all);
    } catch (IOException e) {
      warn(service, "cannot count connections: " + e.getMessage());
    } finally {
      Event counted = new Event.OpenCounted(service, open);
      post.accept(() -> events.accept(counted));
    }
  }

  /**
   * Sends the signal to a process, or to what it started, in such a way that no accepted connection
   * is cut off: see {@link QuietStop}. Goes on until that is done or the process has ended.
   *
   * @param moved the process; owned by the observer from now on
   * @param group its process group, 0 where it is not a group of its own
   * @param borrowed the listeners it may have accepted from; may be closed when this returns
   * @param warn called on the loop's thread
   * @param asked called on the loop's thread, once, when a process has got the signal
   */
  public void stop(
      Pidfd moved,
      int group,
      int signal,
      List<OwnedFd> borrowed,
      Consumer<String> warn,
      Runnable asked) {
    List<SocketIdentity> listeners;
    try {
      listeners = SocketIdentity.ofAll(borrowed);
    } catch (IOException e) {
      warn.accept("cannot see the connections of pid " + moved.pid() + ": " + e.getMessage());
      listeners = List.of();
    }
    QuietStop stop =
        new QuietStop(
            moved,
            group,
            signal,
            listeners,
            text -> post.accept(() -> warn.accept(text)),
            () -> post.accept(asked));
    stopping.add(stop);
    run(() -> attempt(stop), Duration.ZERO);
  }

  /** As the other one; nothing happens to a process that is gone. */
  void stop(
      Signalled process,
      int signal,
      List<OwnedFd> borrowed,
      Consumer<String> warn,
      Runnable asked) {
    try {
      stop(process.open(), process.group(), signal, borrowed, warn, asked);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ESRCH)) {
        warn.accept(e.getMessage());
      }
    }
  }

  /**
   * Continues a process, and what it started, where it is stopped: a broker that was killed while
   * it looked for a moment to stop it left it so. Done before any {@link #stop} that comes later.
   *
   * @param moved the process; owned by the observer from now on
   * @param group as in {@link #stop}
   */
  public void thaw(Pidfd moved, int group) {
    run(
        () -> {
          try (moved) {
            FrozenTree.thaw(moved, group);
          } catch (IOException e) {
            warn(null, "cannot see whether pid " + moved.pid() + " is stopped: " + e.getMessage());
          }
        },
        Duration.ZERO);
  }

  /** Whether nobody is about to get a signal. On the loop's thread. */
  public boolean isQuiet() {
    return stopping.stream().allMatch(QuietStop::hasAsked);
  }

  /**
   * Waits for the present look to end; from then on nobody is looked at, stopped or signalled until
   * {@link #resume}. Whoever has got a signal by now is known from what was posted. On the loop's
   * thread, which it blocks for a fraction of a second at most.
   */
  public void pause() {
    if (!paused) {
      turn.acquireUninterruptibly();
      paused = true;
    }
  }

  /** Goes on; nothing happens where it is not paused. */
  public void resume() {
    if (paused) {
      paused = false;
      turn.release();
    }
  }

  private void attempt(QuietStop stop) {
    Optional<Duration> next = Optional.empty();
    try {
      next = stop.attempt();
    } catch (IOException e) {
      if (stop.isHopeless(e)) {
        return;
      }
      next = Optional.of(AFTER_TROUBLE);
    } finally {
      if (next.isEmpty()) {
        stopping.remove(stop);
        stop.close();
      }
    }
    next.ifPresent(pause -> run(() -> attempt(stop), pause));
  }

  private void warn(@Nullable String service, String message) {
    post.accept(() -> events.accept(new Event.Warned(service, message)));
  }

  /** The first time on the loop's thread, then on both. */
  private void run(Runnable task, Duration pause) {
    ScheduledThreadPoolExecutor runs = thread;
    if (runs == null) {
      if (closed) {
        return;
      }
      runs = newThread();
      thread = runs;
    }
    try {
      var unused = runs.schedule(() -> guarded(task), pause.toNanos(), TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      // Closed: nobody waits for the result.
    } catch (OutOfMemoryError e) {
      ThreadLimit.require(e); // it is queued by then, and done with the next
    }
  }

  private void guarded(Runnable task) {
    try {
      turn.acquire();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
      return;
    }
    try {
      task.run();
    } catch (RuntimeException e) {
      post.accept(
          () ->
              events.accept(
                  new Event.Warned(null, "internal error, please report it: observer: " + e)));
    } finally {
      turn.release();
    }
  }

  /**
   * Ends the thread, and waits for that: nothing stays stopped. Stops that were not done are not.
   */
  @Override
  public void close() {
    observed.values().forEach(Observation::end);
    observed.clear();
    closed = true;
    ScheduledThreadPoolExecutor ending = thread;
    if (ending == null) {
      return;
    }
    ending.shutdownNow();
    boolean interrupted = false;
    try {
      boolean unused = ending.awaitTermination(CLOSING_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    stopping.forEach(QuietStop::close);
    stopping.clear();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
