package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Threads that accept on a listener which others accept on too, without harm to them.
 *
 * <p>How they wait follows from the listener. Where O_NONBLOCK is on (the rule), each waits in
 * epoll with EPOLLEXCLUSIVE, so that a connection wakes one worker and not all, and accepts one
 * connection for each wake-up. Where it is off, each waits in accept(2), where the kernel serves
 * first come, first served. Either way the JDK's own channel accepts, and the flag stays as it is.
 *
 * <p>No balance between workers is promised: at a light rate EPOLLEXCLUSIVE gives nearly all
 * connections to one of them. While accept fails (no descriptors left, listener shut down), that is
 * logged once a minute at most, other workers get the wake-ups, and it is tried again ten times a
 * second.
 */
public final class Acceptor implements AutoCloseable {

  private static final Duration FOR_EVER = Duration.ofDays(365);

  private final List<AcceptingThread> threads;

  private Acceptor(List<AcceptingThread> threads) {
    this.threads = List.copyOf(threads);
  }

  /** Begins an acceptor on a listener of the lease; {@link Builder#start} makes it run. */
  public static Builder of(Lease lease, String listener, ConnectionHandler handler)
      throws IOException {
    return new Builder(lease.descriptor(listener), listener, handler);
  }

  /**
   * Begins an acceptor on any listening stream socket.
   *
   * @param borrowed is copied now
   * @param name for threads and log lines
   */
  public static Builder of(OwnedFd borrowed, String name, ConnectionHandler handler)
      throws IOException {
    return new Builder(borrowed.dup(), name, handler);
  }

  /** Good for one {@link #start}, which has to come, since it closes the copy that this owns. */
  public static final class Builder {
    private final OwnedFd listener;
    private final String name;
    private final ConnectionHandler handler;
    private int threads = 1;
    private boolean blocking;

    private Builder(OwnedFd moved, String name, ConnectionHandler handler) {
      this.listener = moved;
      this.name = name;
      this.handler = handler;
    }

    /** How many threads accept; 1 unless said. */
    public Builder threads(int count) {
      if (count < 1) {
        throw new IllegalArgumentException("an acceptor needs a thread, not " + count);
      }
      threads = count;
      return this;
    }

    /**
     * Waits in the JDK's blocking accept even where O_NONBLOCK is on. That is correct too, and
     * wakes every waiting worker for each connection.
     */
    public Builder blockingAccept(boolean wanted) {
      blocking = wanted;
      return this;
    }

    /**
     * Starts accepting.
     *
     * @throws dev.holdfast.fd.JdkChannels.ForbiddenException with the flag that this JVM needs
     */
    public Acceptor start() throws IOException {
      List<AcceptingThread> made = new ArrayList<>();
      try (OwnedFd borrowed = listener) {
        boolean wait = blocking || !Sockets.isNonBlocking(borrowed);
        for (int i = 0; i < threads; i++) {
          String named = "holdfast-accept-" + name + (threads == 1 ? "" : "-" + i);
          Delivery delivery = new Delivery(name, handler);
          try {
            made.add(
                wait
                    ? new BlockingAccept(named, borrowed, delivery)
                    : new ExclusiveAccept(named, borrowed, delivery));
          } catch (IOException | RuntimeException e) {
            delivery.close();
            throw e;
          }
        }
      } catch (IOException | RuntimeException e) {
        made.forEach(AcceptingThread::abandon);
        throw e;
      }
      made.forEach(AcceptingThread::start);
      return new Acceptor(made);
    }
  }

  /** How many connections were given to the handler so far. */
  public long accepted() {
    return threads.stream().mapToLong(AcceptingThread::accepted).sum();
  }

  /**
   * Stops accepting, and waits until the threads have ended, and with them the handlers they run. A
   * connection that was accepted is handed over; those in the queue stay there for other workers.
   * From a handler it does not wait for its own thread.
   *
   * @return false when they still run after the time: a handler takes longer, or somebody has
   *     cleared O_NONBLOCK under a thread that now waits in accept(2) for one last connection
   * @throws InterruptedException when interrupted while waiting; no more is accepted all the same
   */
  public boolean stop(Duration atMost) throws InterruptedException {
    long deadline =
        System.nanoTime() + (atMost.compareTo(FOR_EVER) > 0 ? FOR_EVER : atMost).toNanos();
    threads.forEach(AcceptingThread::requestStop);
    boolean ended = true;
    for (AcceptingThread thread : threads) {
      ended &= thread.awaitEnd(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
    }
    return ended;
  }

  /** Stops accepting; does not wait. Twice is the same as once. */
  @Override
  public void close() {
    threads.forEach(AcceptingThread::requestStop);
  }
}
