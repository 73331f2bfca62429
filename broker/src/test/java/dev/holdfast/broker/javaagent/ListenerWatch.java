package dev.holdfast.broker.javaagent;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * Looks again and again at what all workers share of the broker's listeners: what one of them does
 * to it, it does to all. Looks through copies of the broker's own descriptors, on a thread of its
 * own, from the beginning to {@link #close}.
 */
final class ListenerWatch implements AutoCloseable {
  private static final long BETWEEN_LOOKS = 1_000_000;

  /** What belongs to the open file description, not to a descriptor. */
  record Shared(boolean isListening, boolean isNonBlocking, int backlog) {

    private static Shared of(OwnedFd fd) throws ErrnoException {
      return new Shared(
          Sockets.isListening(fd), Sockets.isNonBlocking(fd), Sockets.acceptQueue(fd).limit());
    }
  }

  private final Map<Integer, OwnedFd> copies; // by port; not changed any more
  private final Map<Integer, Set<Shared>> seen = new ConcurrentHashMap<>();
  private final Thread thread = new Thread(this::look, "listener-watch");
  private volatile boolean closing; // close writes, the thread reads

  private ListenerWatch(Map<Integer, OwnedFd> copies) {
    this.copies = copies;
    copies.keySet().forEach(port -> seen.put(port, ConcurrentHashMap.newKeySet()));
  }

  /** Begins to look at the listeners on 127.0.0.1 with these ports. */
  static ListenerWatch of(BrokerProcess broker, Set<Integer> ports) throws IOException {
    Map<Integer, OwnedFd> copies = new HashMap<>();
    try (Pidfd process = Pidfd.open(broker.pid());
        Stream<Path> open = Files.list(Path.of("/proc/" + broker.pid() + "/fd"))) {
      Map<Long, Integer> byInode = ListeningSocket.ports();
      for (Path each : open.toList()) {
        String target = Files.readSymbolicLink(each).toString();
        Integer port =
            target.startsWith("socket:")
                ? byInode.get(Long.parseLong(target.replaceAll("[^0-9]", "")))
                : null;
        if (port != null && ports.contains(port)) {
          copies.put(port, process.dupOf(Integer.parseInt(each.getFileName().toString())));
        }
      }
    }
    if (!copies.keySet().equals(ports)) {
      throw new AssertionError("the broker has listeners " + copies.keySet() + ", not " + ports);
    }
    ListenerWatch watch = new ListenerWatch(copies);
    watch.thread.start();
    return watch;
  }

  /** All the states in which that listener was seen so far. */
  Set<Shared> seen(int port) {
    return Set.copyOf(seen.get(port));
  }

  private void look() {
    while (!closing) {
      copies.forEach((port, copy) -> seen.get(port).add(now(copy)));
      LockSupport.parkNanos(BETWEEN_LOOKS); // The kernel tells nobody of these.
    }
  }

  private static Shared now(OwnedFd copy) {
    try {
      return Shared.of(copy);
    } catch (ErrnoException e) {
      throw new AssertionError("looking at a listener", e);
    }
  }

  @Override
  public void close() {
    closing = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted while the last look ends", e);
    }
    copies.values().forEach(OwnedFd::close);
  }
}
