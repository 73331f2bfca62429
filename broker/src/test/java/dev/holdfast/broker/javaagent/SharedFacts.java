package dev.holdfast.broker.javaagent;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketOption;
import dev.holdfast.fd.Sockets;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * Looks all the time at a listener that others share, by a descriptor of the broker's: what one of
 * them changes, the others feel.
 */
final class SharedFacts implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final long BETWEEN_LOOKS = 200_000; // no event tells of a flag

  /** What belongs to the open file description, or to the socket itself. */
  record Facts(
      boolean nonBlocking,
      boolean listening,
      int backlog,
      int receiveBuffer,
      int sendBuffer,
      int reuseAddress,
      int keepalive) {

    static Facts of(OwnedFd fd) throws ErrnoException {
      return new Facts(
          Sockets.isNonBlocking(fd),
          Sockets.isListening(fd),
          Sockets.acceptQueue(fd).limit(),
          Sockets.get(fd, SocketOption.RECEIVE_BUFFER, "listener"),
          Sockets.get(fd, SocketOption.SEND_BUFFER, "listener"),
          Sockets.get(fd, SocketOption.REUSE_ADDRESS, "listener"),
          Sockets.get(fd, SocketOption.KEEPALIVE, "listener"));
    }
  }

  private final OwnedFd fd;
  private final Set<Facts> seen = new LinkedHashSet<>(); // the thread's, until it has ended
  private final Thread thread = new Thread(this::look, "shared-facts");
  private volatile boolean isEnding; // written by the test, read by the thread

  private SharedFacts(OwnedFd fd) {
    this.fd = fd;
  }

  static SharedFacts of(BrokerProcess broker, String listener)
      throws IOException, VarlinkException {
    JsonObject wanted = JsonObject.of("listeners", List.of(listener), "hold", "connection");
    try (VarlinkClient client = broker.connect();
        Answer granted = client.call("dev.holdfast.Worker.Acquire", wanted, PATIENCE)) {
      SharedFacts facts = new SharedFacts(granted.descriptors().get(0).dup());
      facts.thread.start();
      return facts;
    }
  }

  private void look() {
    try {
      while (!isEnding) {
        seen.add(Facts.of(fd));
        LockSupport.parkNanos(BETWEEN_LOOKS);
      }
    } catch (ErrnoException e) {
      throw new AssertionError("looking at a listener", e);
    }
  }

  /** All that it was seen to be, which should be one; ends the looking. */
  Set<Facts> seen() {
    isEnding = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted while the last look ends", e);
    }
    return seen;
  }

  @Override
  public void close() {
    Set<Facts> unused = seen();
    fd.close();
  }
}
