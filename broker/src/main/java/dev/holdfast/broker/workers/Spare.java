package dev.holdfast.broker.workers;

import dev.holdfast.fd.ThreadLimit;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A thread that does what may take its time, one after the other, and ends when it has had nothing
 * to do for a while.
 */
final class Spare implements Executor {

  private final ThreadPoolExecutor thread;

  Spare(String name) {
    thread =
        new ThreadPoolExecutor(
            1,
            1,
            1,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
              Thread made = new Thread(null, task, name, 256 << 10);
              made.setDaemon(true);
              return made;
            });
    thread.allowCoreThreadTimeOut(true);
  }

  /** Where no thread is to be had it is done here and now: it must be done, if slowly. */
  @Override
  public void execute(Runnable task) {
    try {
      thread.execute(task);
    } catch (OutOfMemoryError e) {
      ThreadLimit.require(e);
      boolean unused = thread.remove(task);
      task.run();
    }
  }
}
