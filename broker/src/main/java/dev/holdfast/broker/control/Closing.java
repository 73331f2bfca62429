package dev.holdfast.broker.control;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.ThreadLimit;
import dev.holdfast.fd.UnixSocket;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Closes descriptors that came from peers, on threads of their own: close(2) of what a peer made
 * can block as long as the peer likes. A TCP socket with SO_LINGER waits for its unsent bytes
 * (socket(7), also when it is non-blocking), a file of a user-space file system for its server. The
 * same holds for a control connection in whose queue such descriptors still lie.
 *
 * <p>The threads end when they have had nothing to do for a while.
 */
public final class Closing {

  /** How many may be stuck before others wait behind them; only descriptor numbers are lost. */
  private static final int MOST_THREADS = 16;

  private final ThreadPoolExecutor threads;

  public Closing() {
    ThreadPoolExecutor some =
        new ThreadPoolExecutor(
            MOST_THREADS,
            MOST_THREADS,
            2,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
              Thread made = new Thread(null, task, "broker-closing", 64 << 10);
              made.setDaemon(true);
              return made;
            });
    some.allowCoreThreadTimeOut(true);
    threads = some;
  }

  /** Where no thread is to be had it waits for the next one; the loop must not wait for a peer. */
  private void run(Runnable closing) {
    try {
      threads.execute(closing);
    } catch (OutOfMemoryError e) {
      ThreadLimit.require(e);
      boolean unused = threads.getQueue().offer(closing);
    }
  }

  /** Takes ownership, and closes it soon. Does not block. */
  void close(OwnedFd moved) {
    run(moved::close);
  }

  /** The same for one that came against the rules: it need not be closed as its owner meant. */
  void discard(OwnedFd moved) {
    run(() -> discardNow(moved));
  }

  private static void discardNow(OwnedFd moved) {
    moved.stopLingering();
    moved.close();
  }

  /** Takes ownership. The peer sees the end at once, the descriptor is closed soon. */
  void close(UnixSocket moved) {
    moved.shutdown();
    run(
        () -> {
          takeWhatIsQueued(moved);
          moved.close();
        });
  }

  /** Closing the connection would close descriptors that still lie in it, as their owner meant. */
  private static void takeWhatIsQueued(UnixSocket socket) {
    ByteBuffer room = ByteBuffer.allocate(4096);
    try {
      while (socket.receive(room.clear(), Closing::discardNow) > 0) {
        // until the queue is empty; after shutdown(2) nothing more comes
      }
    } catch (IOException e) {
      // The peer is gone, or there is no room for more descriptors: the rest goes with the socket.
    }
  }
}
