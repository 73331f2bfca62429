package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.Endpoint;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.listener.UnixEndpoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;

/** A socket that is remembered, and by what it is known when it is seen again. */
record ExpectedSocket(
    ListenerName listener, boolean companion, BoundSocket socket, ListenerConfig config) {

  /** Under which a socket is bound before it gets its path; its address stays that for ever. */
  private static final Pattern TEMPORARY = Pattern.compile("\\.hf[0-9]+");

  static List<ExpectedSocket> of(List<Entry> entries) {
    List<ExpectedSocket> result = new ArrayList<>();
    for (Entry entry : entries) {
      if (entry instanceof Entry.OfListener of) {
        if (of.socket() != null) {
          result.add(new ExpectedSocket(of.name(), false, of.socket(), of.config()));
        }
        if (of.companion() != null) {
          result.add(new ExpectedSocket(of.name(), true, of.companion(), of.config()));
        }
      }
    }
    return result;
  }

  long id() {
    return socket.id();
  }

  SocketProof proof() {
    return socket.proof();
  }

  /** Under which systemd keeps it. */
  String storeName() {
    return companion ? SupervisorStore.companion(listener) : SupervisorStore.listener(listener);
  }

  String describe() {
    return "listener " + listener + ", " + socket.endpoint();
  }

  /**
   * What tells the borrowed descriptor from this socket; empty when it is this very socket. One
   * that a worker has shut down listens again after this, if it is known to be the same.
   */
  Optional<String> difference(OwnedFd borrowed) {
    try {
      long inode = Sockets.inode(borrowed);
      SocketFacts facts = Sockets.facts(borrowed);
      SocketProof proof = proof();
      if (proof.inode() != 0 && proof.inode() != inode) {
        return Optional.of("its inode is " + inode + " and not " + proof.inode());
      }
      if (proof.cookie() != 0 && proof.cookie() != facts.cookie()) {
        return Optional.of("it is another socket with the same inode (SO_COOKIE differs)");
      }
      if (!isOfKind(facts, socket.kind())) {
        return Optional.of("it is no " + socket.kind().word() + " socket");
      }
      if (!isAt(facts)) {
        return Optional.of("its address is " + facts.address());
      }
      return listens(facts) ? Optional.empty() : heal(borrowed, facts);
    } catch (ErrnoException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private static boolean isOfKind(SocketFacts facts, SocketKind kind) {
    return switch (kind) {
      case STREAM -> facts.isStream();
      case DATAGRAM -> facts.isDatagram();
      case SEQPACKET -> !facts.isStream() && !facts.isDatagram();
    };
  }

  private boolean isAt(SocketFacts facts) {
    if (facts.address().equals(socket.endpoint())) {
      return true;
    }
    try {
      Endpoint wanted = Endpoint.parse(socket.endpoint());
      Endpoint found = Endpoint.parse(facts.address());
      return found.equals(wanted) || isRenamed(found, wanted);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static boolean isRenamed(Endpoint found, Endpoint wanted) {
    if (!(found instanceof UnixEndpoint one)
        || !(one.address() instanceof UnixAddress.Path from)
        || !(wanted instanceof UnixEndpoint other)
        || !(other.address() instanceof UnixAddress.Path to)) {
      return false;
    }
    Path name = from.path().getFileName();
    return one.transport() == other.transport()
        && name != null
        && TEMPORARY.matcher(name.toString()).matches()
        && Objects.equals(
            from.path().toAbsolutePath().getParent(), to.path().toAbsolutePath().getParent());
  }

  private boolean listens(SocketFacts facts) {
    return facts.listening() || !socket.kind().listens() || config.idle() == IdlePolicy.REFUSE;
  }

  /** Whether the kernel's tables show it as long as it exists. */
  boolean isShownByTables() {
    return socket.port() == 0
        || socket.kind() == SocketKind.DATAGRAM
        || config.idle() != IdlePolicy.REFUSE;
  }

  private Optional<String> heal(OwnedFd borrowed, SocketFacts facts) throws ErrnoException {
    if (proof().cookie() == 0 || facts.isUnix()) {
      return Optional.of("it does not listen");
    }
    Sockets.listen(borrowed, config.backlog(), socket.endpoint());
    // A port that the kernel had chosen went with the listening, and now it would be another.
    SocketFacts now = Sockets.facts(borrowed);
    return isAt(now) ? Optional.empty() : Optional.of("it had been shut down, and lost its port");
  }
}
