package dev.holdfast.agent.load;

import java.io.IOException;
import java.nio.channels.Selector;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * A load that runs on a thread of its own, {@code load-generator} (a daemon). It is a closed loop:
 * a new connection begins when an old one ended, so a server that stalls is asked less, and its
 * latencies look better than those of clients that do not wait.
 *
 * <p>All methods may be called from any thread, any number of times.
 */
public final class LoadGenerator implements AutoCloseable {
  private final Selector selector;
  private final Load load;
  private final Thread thread;
  private final CompletableFuture<LoadReport> end = new CompletableFuture<>();
  private final ConcurrentLinkedQueue<CompletableFuture<LoadReport>> questions =
      new ConcurrentLinkedQueue<>();

  // Written by callers, read by the load's thread.
  private volatile boolean stopping;
  private volatile boolean abandoning;

  private LoadGenerator(LoadPlan plan, Selector selector, LoadListener listener) {
    this.selector = selector;
    this.load = new Load(plan, selector, listener);
    this.thread = new Thread(this::run, "load-generator");
    this.thread.setDaemon(true);
  }

  /**
   * Starts a load at once.
   *
   * @throws IOException if there is no descriptor left for a selector
   */
  public static LoadGenerator start(LoadPlan plan) throws IOException {
    return start(plan, LoadListener.NONE);
  }

  /**
   * Starts a load at once, and tells of each exchange as it ends.
   *
   * @throws IOException if there is no descriptor left for a selector
   */
  public static LoadGenerator start(LoadPlan plan, LoadListener listener) throws IOException {
    LoadGenerator generator = new LoadGenerator(plan, Selector.open(), listener);
    generator.thread.start();
    return generator;
  }

  /** Begins no more connections; those in flight go on to their end or their timeout. */
  public void stop() {
    stopping = true;
    selector.wakeup();
  }

  /**
   * What was done so far; after the end, the final report. The load's thread makes the copy, so
   * that the figures belong together; this waits for it, about as long as one turn of its loop.
   */
  public LoadReport snapshot() {
    CompletableFuture<LoadReport> question = new CompletableFuture<>();
    questions.add(question);
    selector.wakeup();
    // If the end comes after this look, the load's thread still finds the question.
    return end.isDone() ? end.join() : question.join();
  }

  /**
   * Waits for the end of the last connection.
   *
   * @throws IllegalStateException if the load broke down by an error of its own
   */
  public LoadReport await() throws InterruptedException {
    try {
      return end.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("the load broke down: " + e.getCause(), e.getCause());
    }
  }

  /** Waits so long for the end of the last connection; says whether it came, or a breakdown. */
  public boolean awaitEnd(Duration atMost) throws InterruptedException {
    try {
      end.get(Math.max(0, atMost.toNanos()), TimeUnit.NANOSECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      return true; // await and snapshot tell of it.
    }
  }

  /** Stops, and drops the connections in flight: the report has no outcome for them. */
  @Override
  public void close() {
    abandoning = true;
    stop();
    try {
      end.join();
    } catch (CompletionException e) {
      // Who wants to know asks await or snapshot; close only makes an end.
      System.getLogger(LoadGenerator.class.getName())
          .log(System.Logger.Level.DEBUG, "closed a load that had broken down", e.getCause());
    }
  }

  private void run() {
    try (selector) {
      try {
        while (!abandoning && !isOver()) {
          if (stopping) {
            load.stop();
          } else {
            load.fill();
          }
          load.serve();
          answer(question -> question.complete(load.report(false)));
        }
      } finally {
        load.abandon();
      }
      LoadReport last = load.report(true);
      end.complete(last);
      answer(question -> question.complete(last));
    } catch (Throwable broken) {
      end.completeExceptionally(broken);
      answer(question -> question.completeExceptionally(broken));
    }
  }

  private boolean isOver() {
    return (stopping || load.isSpent()) && load.isIdle();
  }

  private void answer(Consumer<CompletableFuture<LoadReport>> how) {
    for (var question = questions.poll(); question != null; question = questions.poll()) {
      how.accept(question);
    }
  }
}
