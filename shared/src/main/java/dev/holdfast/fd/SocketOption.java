package dev.holdfast.fd;

/**
 * The socket options a listener can be given, by the numbers of asm-generic/socket.h, in.h, in6.h
 * and tcp.h.
 */
public enum SocketOption {
  REUSE_ADDRESS(1, 2),
  SEND_BUFFER(1, 7),
  RECEIVE_BUFFER(1, 8),
  KEEPALIVE(1, 9),
  MARK(1, 36),
  FREEBIND(0, 15),
  V6ONLY(41, 26),
  NO_DELAY(6, 1),
  KEEPALIVE_IDLE(6, 4),
  KEEPALIVE_INTERVAL(6, 5),
  KEEPALIVE_COUNT(6, 6),
  DEFER_ACCEPT(6, 9),
  FAST_OPEN(6, 23);

  final int level;
  final int number;

  SocketOption(int level, int number) {
    this.level = level;
    this.number = number;
  }
}
