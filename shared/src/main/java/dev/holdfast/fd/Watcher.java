package dev.holdfast.fd;

/**
 * Who is told when a descriptor is ready; attached to it in a {@link Poller} by a loop that
 * dispatches to watchers.
 */
@FunctionalInterface
public interface Watcher {

  /** Called on the thread that waits. Must not block. */
  void ready(int events);
}
