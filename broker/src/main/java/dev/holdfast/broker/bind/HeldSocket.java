package dev.holdfast.broker.bind;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.listener.ListenerName;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A socket that we hold: its descriptor, and what it ought to be. Touched by the loop's thread
 * only.
 */
final class HeldSocket {

  final ListenerName name;
  BoundSocket bound; // the id and the endpoint never change
  OwnedFd fd;
  @Nullable UnixPath path;
  ListenerConfig config;
  boolean listening;
  int queueLimit; // what the kernel made of the backlog when we asked for it
  boolean watched; // registered with the poller
  boolean audited; // workers hold it
  boolean awaited; // the next connection is to be told of
  @Nullable Instant auditAt;

  HeldSocket(
      ListenerName name,
      BoundSocket bound,
      OwnedFd fd,
      @Nullable UnixPath path,
      ListenerConfig config) {
    this.name = name;
    this.bound = bound;
    this.fd = fd;
    this.path = path;
    this.config = config;
  }

  /** One that was just bound. */
  static HeldSocket fresh(
      ListenerName name,
      BoundSocket bound,
      OwnedFd fd,
      @Nullable UnixPath path,
      ListenerConfig config) {
    HeldSocket socket = new HeldSocket(name, bound, fd, path, config);
    socket.prove();
    return socket;
  }

  /** Notes by what the socket of now is known again. */
  void prove() {
    UnixPath file = path;
    SocketProof proof = new SocketProof(inode(fd), cookie(fd), file == null ? null : file.proof());
    bound = new BoundSocket(bound.id(), bound.endpoint(), bound.kind(), bound.port(), proof);
  }

  private static long inode(OwnedFd fd) {
    try {
      return Sockets.inode(fd);
    } catch (ErrnoException e) {
      return 0; // then the rest has to do
    }
  }

  private static long cookie(OwnedFd fd) {
    try {
      return Sockets.facts(fd).cookie();
    } catch (ErrnoException e) {
      return 0; // before Linux 4.6
    }
  }

  boolean isUnix() {
    return bound.port() == 0;
  }
}
