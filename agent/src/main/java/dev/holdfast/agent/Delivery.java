package dev.holdfast.agent;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicLong;

/** Gives connections to the handler, and tells of failures. One accepting thread uses it. */
final class Delivery implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(Acceptor.class.getName());
  private static final long A_MINUTE = 60_000_000_000L;

  private final String listener;
  private final ConnectionHandler handler;
  private final AtomicLong delivered = new AtomicLong();
  private OwnedFd spare;
  private boolean told;
  private long toldAt;

  Delivery(String listener, ConnectionHandler handler) throws ErrnoException {
    this.listener = listener;
    this.handler = handler;
    this.spare = spare();
  }

  long delivered() {
    return delivered.get();
  }

  void deliver(SocketChannel connection) {
    delivered.incrementAndGet();
    try {
      handler.handle(connection);
    } catch (Throwable e) { // the boundary of one connection: the next one deserves its chance
      LOG.log(Level.ERROR, "listener=" + listener + " the handler of a connection failed", e);
      close(connection);
    }
    // Left by a handler, an interrupt would make the JDK close the next channel this thread
    // touches,
    // and with bad luck drop a connection that accept(2) has just returned.
    boolean unused = Thread.interrupted();
  }

  private void close(SocketChannel connection) {
    try {
      connection.close();
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "listener=" + listener + " closing a connection", e);
    }
  }

  /** Tells of a failed accept, once a minute at most. Does not throw. */
  void failed(Exception failure) {
    long now = System.nanoTime();
    if (told && now - toldAt < A_MINUTE) {
      return;
    }
    told = true;
    toldAt = now;
    // A logger's first line opens files (the JDK's: the time zones), which fails for good, with an
    // Error, when there are no descriptors: the very thing there is to tell of.
    spare.close();
    try {
      LOG.log(
          Level.WARNING,
          "listener={0} accept: {1}. Trying again ten times a second; if it has run out of"
              + " descriptors, raise its limit of open files (ulimit -n)",
          listener,
          failure.getMessage());
      spare = spare();
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "no spare descriptor to be had", e);
    } catch (Throwable e) { // the logger's own failure: accepting goes on without the line
      told = false;
    }
  }

  private static OwnedFd spare() throws ErrnoException {
    return OwnedFd.openForReading("/dev/null");
  }

  @Override
  public void close() {
    spare.close();
  }
}
