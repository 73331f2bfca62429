package dev.holdfast.agent.adopt.nio;

/** Stands in for {@code sun.nio.ch.EPoll}. */
final class EPoll {
  private EPoll() {}

  static native int ctl(int poller, int operation, int fd, int events);
}
