package dev.holdfast.agent;

import java.time.Duration;

/** One thread of an acceptor. */
abstract class AcceptingThread implements Runnable {

  /** How long to leave the listener alone after accept has failed. */
  static final Duration PAUSE = Duration.ofMillis(100);

  final Delivery delivery;
  private final Thread thread;

  AcceptingThread(String name, Delivery delivery) {
    this.delivery = delivery;
    this.thread = new Thread(this, name);
  }

  final void start() {
    thread.start();
  }

  final long accepted() {
    return delivery.delivered();
  }

  /** From any thread, any number of times; does not wait. */
  abstract void requestStop();

  /** Waits, accepts and delivers until it is asked to stop. */
  abstract void accept();

  /** Closes all but the delivery's; twice is the same as once. */
  abstract void closeListener();

  /** Closes what a thread that was never started holds. */
  final void abandon() {
    closeListener();
    delivery.close();
  }

  @Override
  public final void run() {
    try {
      accept();
    } finally {
      abandon();
    }
  }

  final boolean awaitEnd(Duration atMost) throws InterruptedException {
    if (Thread.currentThread() == thread) {
      return true;
    }
    thread.join(Math.max(1, atMost.toMillis())); // 0 would be for ever
    return !thread.isAlive();
  }
}
