package dev.holdfast.broker.bind;

import dev.holdfast.broker.core.BindOrder;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketOption;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.EtcServices;
import dev.holdfast.listener.Host;
import dev.holdfast.listener.InetEndpoint;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.PortCandidates;
import dev.holdfast.listener.PortChoice;
import dev.holdfast.listener.ServiceDatabase;
import dev.holdfast.listener.Transport;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.file.Files;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Makes bound sockets. Each is bound by number, also where the port is random: a port that the
 * kernel chose is lost when a worker shuts the listener down (inet_csk_listen_stop releases it
 * unless SOCK_BINDPORT_LOCK is set).
 */
final class SocketMaker {

  private final HostAddresses addresses;
  private final SplittableRandom random = new SplittableRandom();
  private final Predicate<String> held;
  private long lastId;

  /**
   * A maker.
   *
   * @param held whether we hold a socket at an endpoint: two that do not listen yet can be bound to
   *     one port, and then the second can never listen
   */
  SocketMaker(HostAddresses addresses, Predicate<String> held) {
    this.addresses = addresses;
    this.held = held;
  }

  /** Makes the main socket of a listener, bound and not listening; the caller owns it. */
  HeldSocket main(BindOrder order) throws BindException {
    ListenSpec spec = order.config().spec();
    if (spec.reusePort()) {
      throw new BindException(
          spec.toString(),
          "EOPNOTSUPP",
          "listener "
              + order.name()
              + ": SO_REUSEPORT shards (rp,) are not built yet; workers that share one accept queue"
              + " need none, so leave rp, out");
    }
    if (spec instanceof ListenSpec.Unix unix) {
      return unix(order, unix.transport(), unix.address());
    }
    if (spec instanceof ListenSpec.Inet inet) {
      return inet(order, inet);
    }
    throw new IllegalStateException("a stopped listener has no socket");
  }

  /** Makes the Unix socket beside a TCP listener, if it shall have one. */
  Optional<HeldSocket> companion(BindOrder order, HeldSocket main) throws BindException {
    Companion companion = order.config().companion();
    if (companion instanceof Companion.None) {
      return Optional.empty();
    }
    if (main.isUnix() || main.bound.kind() != SocketKind.STREAM) {
      throw new BindException(
          main.bound.endpoint(),
          "EINVAL",
          "listener " + order.name() + ": only a TCP listener can have a companion");
    }
    String file = "kx." + main.bound.port();
    if (companion instanceof Companion.InDirectory in) {
      if (!Files.isDirectory(in.directory())) {
        throw new BindException(
            "unix:" + in.directory().resolve(file),
            "ENOENT",
            "listener "
                + order.name()
                + ": the directory of its companion socket, "
                + in.directory()
                + ", does not exist; make it, or set companion = \"\" for none");
      }
      try {
        return Optional.of(
            unix(order, Transport.UNIX, new UnixAddress.Path(in.directory().resolve(file))));
      } catch (IllegalArgumentException e) {
        throw new BindException(
            main.bound.endpoint(),
            "ENAMETOOLONG",
            "listener " + order.name() + ": its companion: " + e.getMessage());
      }
    }
    return Optional.of(unix(order, Transport.UNIX, new UnixAddress.Abstract("/tmp/" + file)));
  }

  private HeldSocket unix(BindOrder order, Transport transport, UnixAddress address)
      throws BindException {
    String endpoint = transport.scheme() + ":" + address;
    requireNotHeld(endpoint);
    Bound bound = bindUnix(order.config(), transport, address, endpoint);
    return HeldSocket.fresh(
        order.name(),
        new BoundSocket(++lastId, endpoint, kind(transport), 0),
        bound.fd(),
        bound.path(),
        order.config());
  }

  private void requireNotHeld(String endpoint) throws BindException {
    if (held.test(endpoint)) {
      throw new BindException(
          endpoint, "EADDRINUSE", "bind " + endpoint + ": EADDRINUSE (another listener has it)");
    }
  }

  private record Bound(OwnedFd fd, @Nullable UnixPath path) {}

  private static Bound bindUnix(
      ListenerConfig config, Transport transport, UnixAddress address, String endpoint)
      throws BindException {
    OwnedFd fd;
    try {
      fd = Sockets.openUnix(kindOf(transport));
    } catch (ErrnoException e) {
      throw BindException.of(endpoint, e);
    }
    try {
      applyBefore(fd, config, false, false, endpoint); // IP_FREEBIND is an error on a Unix socket
      if (address instanceof UnixAddress.Path path) {
        return new Bound(fd, UnixPath.bind(fd, path.path(), config.socket(), endpoint));
      }
      Sockets.bind(fd, address, endpoint);
      return new Bound(fd, null);
    } catch (ErrnoException e) {
      fd.close();
      throw BindException.of(endpoint, e);
    } catch (BindException e) {
      fd.close();
      throw e;
    }
  }

  /**
   * Another Unix socket at the address of one that cannot be used any more; an abstract name has to
   * be given up first.
   */
  static void renewUnix(HeldSocket held) throws BindException {
    String endpoint = held.bound.endpoint();
    int colon = endpoint.indexOf(':');
    Transport transport = Transport.ofScheme(endpoint.substring(0, colon)).orElseThrow();
    UnixAddress address = UnixAddress.parse(endpoint.substring(colon + 1));
    if (address instanceof UnixAddress.Abstract) {
      held.fd.close();
    }
    Bound bound = bindUnix(held.config, transport, address, endpoint);
    held.fd.close();
    held.fd = bound.fd();
    held.path = bound.path();
    held.prove();
  }

  private HeldSocket inet(BindOrder order, ListenSpec.Inet spec) throws BindException {
    PortCandidates candidates = candidates(spec);
    if (candidates.count() > 1) {
      try {
        return inet(order, spec, candidates, true);
      } catch (BindException e) {
        if (!e.errno().equals("EADDRINUSE")) {
          throw e;
        }
        candidates = candidates(spec); // one of them may be free but for connections in TIME_WAIT
      }
    }
    return inet(order, spec, candidates, false);
  }

  private PortCandidates candidates(ListenSpec.Inet spec) throws BindException {
    try {
      return PortCandidates.of(
          spec, usesServices(spec.ports()) ? EtcServices.read() : NO_SERVICES, random);
    } catch (InvalidSpecException | IOException e) {
      throw new BindException(spec.toString(), "EINVAL", String.valueOf(e.getMessage()));
    }
  }

  private HeldSocket inet(
      BindOrder order, ListenSpec.Inet spec, PortCandidates candidates, boolean alone)
      throws BindException {
    BindException last = null;
    while (candidates.hasNext()) {
      int port = candidates.nextInt();
      try {
        return inet(order, spec, port, alone);
      } catch (BindException e) {
        last = e;
        if (!e.errno().equals("EADDRINUSE") && !e.errno().equals("EACCES")) {
          throw e;
        }
      }
    }
    if (last == null) {
      throw new IllegalStateException("no candidates for " + spec);
    }
    if (candidates.count() > 1) {
      throw new BindException(
          last.endpoint(),
          last.errno(),
          "none of the "
              + candidates.count()
              + " ports of "
              + spec
              + " is free; the last: "
              + last.getMessage());
    }
    throw last;
  }

  /** Numbers given from now on are above this one, too. */
  void numberAbove(long id) {
    lastId = Math.max(lastId, id);
  }

  long nextId() {
    return ++lastId;
  }

  private static final ServiceDatabase NO_SERVICES = (service, protocol) -> OptionalInt.empty();

  private static boolean usesServices(PortChoice ports) {
    if (ports instanceof PortChoice.Range range) {
      return range.low() instanceof PortChoice.Service
          || range.high() instanceof PortChoice.Service;
    }
    return ports instanceof PortChoice.Service;
  }

  private HeldSocket inet(BindOrder order, ListenSpec.Inet spec, int port, boolean alone)
      throws BindException {
    InetAddress address = addresses.of(spec.host(), spec + "");
    if (spec.host() instanceof Host.Any) {
      try {
        return inet(order, spec, address, port, alone, order.config().socket().v6only() == null);
      } catch (BindException e) {
        boolean noIpv6 = e.errno().equals("EAFNOSUPPORT") || e.errno().equals("EADDRNOTAVAIL");
        if (!noIpv6 || Boolean.TRUE.equals(order.config().socket().v6only())) {
          throw e;
        }
        return inet(order, spec, HostAddresses.wildcard(4), port, alone, false);
      }
    }
    return inet(order, spec, address, port, alone, false);
  }

  private HeldSocket inet(
      BindOrder order,
      ListenSpec.Inet spec,
      InetAddress address,
      int port,
      boolean alone,
      boolean dualStack)
      throws BindException {
    String endpoint = new InetEndpoint(spec.transport(), address, port).toString();
    requireNotHeld(endpoint);
    OwnedFd fd;
    try {
      fd = Sockets.open(address, kindOf(spec.transport()));
    } catch (ErrnoException e) {
      throw BindException.of(endpoint, e);
    }
    try {
      if (dualStack) {
        Sockets.set(fd, SocketOption.V6ONLY, 0, endpoint);
      }
      applyBefore(fd, order.config(), true, address instanceof Inet6Address, endpoint);
      bind(fd, spec.transport() == Transport.TCP, alone, address, port, endpoint);
      if (spec.transport() == Transport.TCP) {
        applyTcp(fd, order.config().socket(), endpoint);
      }
      return HeldSocket.fresh(
          order.name(),
          new BoundSocket(++lastId, endpoint, kind(spec.transport()), port),
          fd,
          null,
          order.config());
    } catch (ErrnoException e) {
      fd.close();
      throw BindException.of(endpoint, e);
    }
  }

  /**
   * Binds with SO_REUSEADDR: without it a listener that was removed cannot be added again while its
   * connections are in TIME_WAIT. But with it two sockets that do not listen yet can be bound to
   * one port, and then the second cannot listen.
   *
   * @param alone whether the port must be bound by nothing else, not even such a socket
   */
  private static void bind(
      OwnedFd fd, boolean tcp, boolean alone, InetAddress address, int port, String endpoint)
      throws ErrnoException {
    if (tcp && !alone) {
      Sockets.set(fd, SocketOption.REUSE_ADDRESS, 1, endpoint);
    }
    Sockets.bind(fd, address, port, endpoint);
    if (tcp && alone) {
      Sockets.set(fd, SocketOption.REUSE_ADDRESS, 1, endpoint);
    }
  }

  private static void applyBefore(
      OwnedFd fd, ListenerConfig config, boolean inet, boolean ipv6, String endpoint)
      throws ErrnoException {
    SocketSettings settings = config.socket();
    Boolean v6only = settings.v6only();
    if (v6only != null && ipv6) {
      Sockets.set(fd, SocketOption.V6ONLY, v6only ? 1 : 0, endpoint);
    }
    if (settings.freebind() && inet) {
      Sockets.set(fd, SocketOption.FREEBIND, 1, endpoint);
    }
    String device = settings.device();
    if (device != null) {
      Sockets.bindToDevice(fd, device, endpoint);
    }
    applyAnytime(fd, config, endpoint);
  }

  /** Options of any socket that can change while it lives. */
  static void applyAnytime(OwnedFd fd, ListenerConfig config, String endpoint)
      throws ErrnoException {
    SocketSettings settings = config.socket();
    Sockets.setNonBlocking(fd, !config.blocking());
    setIfGiven(fd, SocketOption.RECEIVE_BUFFER, settings.receiveBuffer(), endpoint);
    setIfGiven(fd, SocketOption.SEND_BUFFER, settings.sendBuffer(), endpoint);
    setIfGiven(fd, SocketOption.MARK, settings.mark(), endpoint);
  }

  static void applyTcp(OwnedFd fd, SocketSettings settings, String endpoint) throws ErrnoException {
    Boolean keepalive = settings.keepalive();
    if (keepalive != null) {
      Sockets.set(fd, SocketOption.KEEPALIVE, keepalive ? 1 : 0, endpoint);
    }
    if (settings.deferAccept() != null) {
      Sockets.set(
          fd,
          SocketOption.DEFER_ACCEPT,
          (int) Math.max(1, settings.deferAccept().toSeconds()),
          endpoint);
    }
    setIfGiven(fd, SocketOption.FAST_OPEN, settings.fastOpen(), endpoint);
  }

  /**
   * Puts the kernel's default where an option was set and is not any more; to be followed by those
   * that are. Buffers have no way back, and are bound anew instead.
   */
  static void unset(OwnedFd fd, SocketSettings old, SocketSettings now, String endpoint)
      throws ErrnoException {
    unset(fd, SocketOption.MARK, old.mark(), now.mark(), endpoint);
    unset(fd, SocketOption.KEEPALIVE, old.keepalive(), now.keepalive(), endpoint);
    unset(fd, SocketOption.DEFER_ACCEPT, old.deferAccept(), now.deferAccept(), endpoint);
    unset(fd, SocketOption.FAST_OPEN, old.fastOpen(), now.fastOpen(), endpoint);
  }

  private static void unset(
      OwnedFd fd, SocketOption option, @Nullable Object old, @Nullable Object now, String endpoint)
      throws ErrnoException {
    if (old != null && now == null) {
      Sockets.set(fd, option, 0, endpoint);
    }
  }

  private static void setIfGiven(
      OwnedFd fd, SocketOption option, @Nullable Integer value, String endpoint)
      throws ErrnoException {
    if (value != null) {
      Sockets.set(fd, option, value, endpoint);
    }
  }

  private static Sockets.Kind kindOf(Transport transport) {
    return switch (transport) {
      case TCP, UNIX -> Sockets.Kind.STREAM;
      case UDP, UNIX_DATAGRAM -> Sockets.Kind.DATAGRAM;
      case SEQPACKET -> Sockets.Kind.SEQPACKET;
    };
  }

  static SocketKind kind(Transport transport) {
    return switch (transport) {
      case TCP, UNIX -> SocketKind.STREAM;
      case UDP, UNIX_DATAGRAM -> SocketKind.DATAGRAM;
      case SEQPACKET -> SocketKind.SEQPACKET;
    };
  }
}
