package dev.holdfast.broker.core;

import dev.holdfast.listener.ListenSpec;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A part of a listener's configuration that can change by itself. */
public enum ListenerPart {
  /** Everything of the spec but its '-'. */
  SPEC,
  /** The '-' of the spec: what workers are asked for; the socket does not know of it. */
  MULTITHREADED,
  BACKLOG,
  BLOCKING,
  IDLE,
  COMPANION,
  ALLOW,
  V6ONLY,
  FREEBIND,
  DEVICE,
  DEFER_ACCEPT,
  FAST_OPEN,
  KEEPALIVE,
  RECEIVE_BUFFER,
  SEND_BUFFER,
  MARK,
  MODE,
  OWNER,
  GROUP;

  /** Whether the two differ in this part. */
  boolean differs(ListenerConfig old, ListenerConfig now) {
    return !Objects.equals(in(old), in(now));
  }

  /**
   * Whether a change of this part takes a new socket; else it is applied to the one that is bound.
   * IPV6_V6ONLY, IP_FREEBIND and SO_BINDTODEVICE count at bind(2) only (ipv6(7), ip(7), socket(7)).
   */
  boolean needsRebind(ListenerConfig now) {
    return switch (this) {
      case SPEC, COMPANION, V6ONLY, FREEBIND, DEVICE -> true;
      // SO_RCVBUF and SO_SNDBUF end the kernel's own tuning, and nothing brings it back.
      case RECEIVE_BUFFER, SEND_BUFFER -> in(now) == null;
      case MULTITHREADED,
          BACKLOG,
          BLOCKING,
          IDLE,
          ALLOW,
          DEFER_ACCEPT,
          FAST_OPEN,
          KEEPALIVE,
          MARK,
          MODE,
          OWNER,
          GROUP ->
          false;
    };
  }

  private @Nullable Object in(ListenerConfig config) {
    SocketSettings socket = config.socket();
    return switch (this) {
      case SPEC -> withoutThreads(config.spec());
      case MULTITHREADED -> config.spec().multithreaded();
      case BACKLOG -> config.backlog();
      case BLOCKING -> config.blocking();
      case IDLE -> config.idle();
      case COMPANION -> config.companion();
      case ALLOW -> config.allow();
      case V6ONLY -> socket.v6only();
      case FREEBIND -> socket.freebind();
      case DEVICE -> socket.device();
      case DEFER_ACCEPT -> socket.deferAccept();
      case FAST_OPEN -> socket.fastOpen();
      case KEEPALIVE -> socket.keepalive();
      case RECEIVE_BUFFER -> socket.receiveBuffer();
      case SEND_BUFFER -> socket.sendBuffer();
      case MARK -> socket.mark();
      case MODE -> socket.mode();
      case OWNER -> socket.uid();
      case GROUP -> socket.gid();
    };
  }

  private static ListenSpec withoutThreads(ListenSpec spec) {
    if (spec instanceof ListenSpec.Inet inet) {
      return new ListenSpec.Inet(
          inet.transport(), inet.reusePort(), false, inet.host(), inet.ports());
    } else if (spec instanceof ListenSpec.Unix unix) {
      return new ListenSpec.Unix(unix.transport(), false, unix.address());
    }
    return spec;
  }
}
