package dev.holdfast.broker.control;

import dev.holdfast.fd.ThreadLimit;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The thread {@code broker-lookup}, which may block: it reads files and asks for names of hosts and
 * users, so that the loop never waits for a disk or a name server. It ends when it has had nothing
 * to do for a while.
 */
public final class Lookups {

  private final ThreadPoolExecutor thread;

  public Lookups() {
    ThreadPoolExecutor one =
        new ThreadPoolExecutor(
            1,
            1,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
              Thread made = new Thread(task, "broker-lookup");
              made.setDaemon(true);
              return made;
            });
    one.allowCoreThreadTimeOut(true);
    thread = one;
  }

  /** Runs something that may block; it must hand its result back to the loop itself. */
  public Executor executor() {
    return this::run;
  }

  /** Where no thread is to be had it is done here and now: an answer that is late is one. */
  private void run(Runnable task) {
    try {
      thread.execute(task);
    } catch (OutOfMemoryError e) {
      ThreadLimit.require(e);
      boolean unused = thread.remove(task);
      task.run();
    }
  }
}
