package dev.holdfast.agent.cli;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import java.io.IOException;
import java.util.List;

/** Waits for a listener until told to stop. */
final class Wake implements AutoCloseable {

  private final Poller poller;
  private boolean added;
  private volatile boolean stopped; // set by the test, read by the fake broker's thread

  Wake() {
    try {
      poller = Poller.open();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** True when something came, false when told to stop. */
  boolean await(OwnedFd fd) throws IOException {
    if (!added) {
      poller.add(fd, Poller.READABLE, "listener");
      added = true;
    }
    while (!stopped) {
      List<Poller.Ready> ready = poller.await(null);
      if (!ready.isEmpty()) {
        return true;
      }
    }
    return false;
  }

  void now() {
    stopped = true;
    poller.wake();
  }

  @Override
  public void close() {
    poller.close();
  }
}
