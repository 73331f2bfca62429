package dev.holdfast.agent;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.JdkChannels;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;

/**
 * Waits in epoll with EPOLLEXCLUSIVE and accepts one connection for each wake-up.
 *
 * <p>Owns two copies of the listener: one is watched, so that EPOLL_CTL_DEL has a descriptor when
 * the time comes, the other is in the channel.
 */
final class ExclusiveAccept extends AcceptingThread {

  private static final System.Logger LOG = System.getLogger(Acceptor.class.getName());
  private static final int EVENTS = Poller.READABLE | Poller.EXCLUSIVE;

  private final OwnedFd watched;
  private final Poller poller;
  private final ServerSocketChannel channel;
  private final Object closing = new Object(); // so that wake never meets a closed poller
  private boolean closed; // guarded by closing
  private volatile boolean stopping; // set by any thread, read by the accepting one

  ExclusiveAccept(String name, OwnedFd borrowed, Delivery delivery) throws IOException {
    super(name, delivery);
    channel = channelOn(borrowed);
    try {
      watched = borrowed.dup();
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    try {
      poller = Poller.open();
    } catch (IOException e) {
      channel.close();
      watched.close();
      throw e;
    }
  }

  private static ServerSocketChannel channelOn(OwnedFd borrowed) throws IOException {
    OwnedFd copy = borrowed.dup();
    ServerSocketChannel made;
    try {
      made = JdkChannels.serverSocketChannel(copy);
    } catch (IOException | RuntimeException e) {
      copy.close();
      throw e;
    }
    // The flag is on already, so the JDK's fcntl changes nothing; but now accept answers at once
    // when
    // another worker was faster, where a blocking one would wait in a poll that wakes for
    // everything.
    made.configureBlocking(false);
    return made;
  }

  @Override
  void accept() {
    try {
      // Loads what a pause needs: without descriptors, a class may not be found any more.
      List<Poller.Ready> unused = poller.await(Duration.ZERO);
      poller.add(watched, EVENTS, this);
      while (!stopping) {
        // A wake-up for the listener went to this thread alone: it has to be used, also when we are
        // to stop, or the connection waits in the queue until another one wakes somebody else.
        if (!poller.await(null).isEmpty()) {
          acceptOne();
        }
      }
      poller.remove(watched);
    } catch (ErrnoException e) {
      LOG.log(Level.ERROR, "an accepting thread ends: " + e.getMessage(), e);
    }
  }

  private void acceptOne() throws ErrnoException {
    SocketChannel connection;
    try {
      connection = channel.accept();
    } catch (IOException e) {
      delivery.failed(e);
      pause();
      return;
    }
    if (connection != null) {
      delivery.deliver(connection);
    }
  }

  /** Not watching meanwhile, so that the wake-ups go to workers which can accept. */
  private void pause() throws ErrnoException {
    poller.remove(watched);
    if (!stopping) {
      poller.await(PAUSE);
    }
    poller.add(watched, EVENTS, this);
  }

  @Override
  void requestStop() {
    stopping = true;
    synchronized (closing) {
      if (!closed) {
        poller.wake();
      }
    }
  }

  @Override
  void closeListener() {
    synchronized (closing) {
      closed = true;
      poller.close();
    }
    watched.close();
    try {
      channel.close();
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "closing a copy of a listener", e);
    }
  }
}
