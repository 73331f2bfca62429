package dev.holdfast.agent.adopt.nio;

/** Stands in for {@code sun.nio.ch.DatagramChannelImpl}. */
final class DatagramChannelImpl {
  private DatagramChannelImpl() {}
}
