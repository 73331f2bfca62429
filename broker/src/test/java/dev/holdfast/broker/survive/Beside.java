package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * What goes on beside a test, again and again, each on a thread of its own, until the end. What
 * fails because the broker is away is done again.
 */
final class Beside implements AutoCloseable {

  /** One round of it. */
  interface Act {
    void perform() throws IOException, VarlinkException, InterruptedException;
  }

  private final List<Thread> threads = new ArrayList<>();
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final ReentrantReadWriteLock pause = new ReentrantReadWriteLock(true);
  private final AtomicInteger done = new AtomicInteger();
  private final AtomicInteger failed = new AtomicInteger();
  // Written by the threads, read by the test.
  private volatile @Nullable Throwable broken;
  private volatile String lastFailure = "";

  /**
   * Begins one more.
   *
   * @param restMillis between the end of a round and the next, so that others have a processor
   */
  Beside begin(String name, int restMillis, Act act) {
    Thread thread = new Thread(() -> run(restMillis, act), name);
    thread.setDaemon(true);
    threads.add(thread);
    thread.start();
    return this;
  }

  private void run(int restMillis, Act act) {
    while (!stopping.get()) {
      pause.readLock().lock();
      try {
        act.perform();
        done.incrementAndGet();
      } catch (IOException | VarlinkException e) {
        failed.incrementAndGet();
        lastFailure = Thread.currentThread().getName() + ": " + e;
      } catch (InterruptedException e) {
        return;
      } catch (Throwable e) {
        broken = e;
        return;
      } finally {
        pause.readLock().unlock();
      }
      LockSupport.parkNanos(1_000_000L * restMillis);
    }
  }

  /** Lets each end its round, and begins none, until the result is closed. */
  Pause pause() {
    pause.writeLock().lock();
    return pause.writeLock()::unlock;
  }

  /** Nothing goes on until it is closed, by the thread that paused. */
  interface Pause extends AutoCloseable {
    @Override
    void close();
  }

  /** Ends all of them; they must not have seen what is no matter of a broker that is away. */
  void end() {
    stopping.set(true);
    for (Thread each : threads) {
      LockSupport.unpark(each);
      try {
        each.join(60_000);
      } catch (InterruptedException e) {
        throw new AssertionError("interrupted while " + each.getName() + " ends", e);
      }
      assertThat(each.isAlive()).as("%s goes on", each.getName()).isFalse();
    }
    if (broken != null) {
      throw new AssertionError("beside the test", broken);
    }
    assertThat(done.get())
        .as("rounds that went well; the last failure: %s", lastFailure)
        .isPositive();
  }

  /** As {@link #end}, and no round has failed. */
  void endWithoutFailure() {
    end();
    assertThat(failed.get()).as("failed, of %d: %s", done.get(), lastFailure).isZero();
  }

  int done() {
    return done.get();
  }

  @Override
  public void close() {
    stopping.set(true);
    threads.forEach(LockSupport::unpark);
  }
}
