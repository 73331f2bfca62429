package dev.holdfast.agent;

import dev.holdfast.fd.JdkChannels;
import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Waits in the JDK's blocking accept. To stop it, its channel is closed: the JDK wakes the thread
 * by a signal of its own, and calls no shutdown(2). A connection that accept(2) has already
 * returned by then is delivered.
 */
final class BlockingAccept extends AcceptingThread {

  private static final System.Logger LOG = System.getLogger(Acceptor.class.getName());

  private final ServerSocketChannel channel;
  private final CountDownLatch stopping = new CountDownLatch(1);

  BlockingAccept(String name, OwnedFd borrowed, Delivery delivery) throws IOException {
    super(name, delivery);
    OwnedFd copy = borrowed.dup();
    try {
      channel = JdkChannels.serverSocketChannel(copy);
    } catch (IOException | RuntimeException e) {
      copy.close();
      throw e;
    }
  }

  @Override
  void accept() {
    while (stopping.getCount() > 0) {
      SocketChannel connection;
      try {
        connection = channel.accept();
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        delivery.failed(e);
        pause();
        continue;
      }
      delivery.deliver(connection);
    }
  }

  private void pause() {
    try {
      boolean unused = stopping.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      LOG.log(Level.DEBUG, "an interrupt ended a pause", e);
    }
  }

  @Override
  void requestStop() {
    stopping.countDown();
    closeListener();
  }

  @Override
  void closeListener() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "closing a copy of a listener", e);
    }
  }
}
