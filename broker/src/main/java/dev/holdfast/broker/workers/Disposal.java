package dev.holdfast.broker.workers;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.ThreadLimit;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Closes descriptors that came from workers, on threads of their own: close(2) of what another made
 * can block as long as that one likes. The threads end when they have had nothing to do for a
 * while.
 */
final class Disposal {

  /** How many may be stuck before others wait behind them; only descriptor numbers are lost. */
  private static final int MOST_THREADS = 4;

  private final ThreadPoolExecutor threads;

  Disposal() {
    threads =
        new ThreadPoolExecutor(
            MOST_THREADS,
            MOST_THREADS,
            2,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
              Thread made = new Thread(null, task, "broker-disposal", 64 << 10);
              made.setDaemon(true);
              return made;
            });
    threads.allowCoreThreadTimeOut(true);
  }

  /** Takes ownership, and closes it soon. Any thread; does not block. */
  void close(OwnedFd moved) {
    run(moved::close);
  }

  /** Closes what has descriptors in it; where no thread is to be had, with the next one. */
  void run(Runnable closing) {
    try {
      threads.execute(closing);
    } catch (OutOfMemoryError e) {
      ThreadLimit.require(e);
      boolean unused = threads.getQueue().offer(closing);
    }
  }
}
