package dev.holdfast.listener;

import dev.holdfast.fd.UnixAddress;

/**
 * Where a listener shall listen, as a user writes it.
 *
 * <pre>
 * spec   = "0" | [ "-" ] inet | [ "-" ] unix
 * inet   = [ "rp," ] [ "udp:" ] [ host ":" ] ports
 * host   = "*" | name | IPv4 | "[" IPv6 [ "%" scope ] "]"
 * ports  = port | port "/" port | "0W"
 * port   = 1–65535 | service
 * unix   = ( "unix:" | "seqpacket:" ) ( "/" path | "@" name )
 * </pre>
 *
 * A leading {@code -} asks workers for a thread per connection; it may stand before the ports too,
 * where kdb+ has it. UDP has no connections and takes none. {@code 0} stops listening.
 *
 * <p>{@code toString} is canonical: parsing it gives an equal spec, and equal specs have one text.
 */
public sealed interface ListenSpec {

  /**
   * Reads a spec. Does no I/O: hosts, services and interfaces are not looked up.
   *
   * @throws InvalidSpecException saying where the text is wrong, and what to write
   */
  static ListenSpec parse(String text) throws InvalidSpecException {
    return new ListenSpecParser(text).parse();
  }

  /** Whether it asks for SO_REUSEPORT shards ({@code rp,}). */
  boolean reusePort();

  /** Whether workers are asked for a thread per connection. */
  boolean multithreaded();

  /** A TCP or UDP listener. */
  record Inet(
      Transport transport, boolean reusePort, boolean multithreaded, Host host, PortChoice ports)
      implements ListenSpec {

    public Inet {
      if (transport.isUnix()) {
        throw new IllegalArgumentException(transport + " has no ports");
      }
      if (multithreaded && transport == Transport.UDP) {
        throw new IllegalArgumentException("UDP has no connections to give threads to");
      }
    }

    /** The protocol's name in the services database. */
    public String protocol() {
      return transport.scheme();
    }

    @Override
    public String toString() {
      return (multithreaded ? "-" : "")
          + (reusePort ? "rp," : "")
          + (transport == Transport.UDP ? "udp:" : "")
          + (host instanceof Host.Any ? "" : host + ":")
          + ports;
    }
  }

  /** A Unix socket: a stream of bytes ({@code unix:}) or of packets ({@code seqpacket:}). */
  record Unix(Transport transport, boolean multithreaded, UnixAddress address)
      implements ListenSpec {

    public Unix {
      if (transport != Transport.UNIX && transport != Transport.SEQPACKET) {
        throw new IllegalArgumentException(transport + " is no Unix socket with connections");
      }
    }

    @Override
    public boolean reusePort() {
      return false;
    }

    @Override
    public String toString() {
      return (multithreaded ? "-" : "") + transport.scheme() + ":" + address;
    }
  }

  /** {@code 0}: the name stays, and nothing listens. */
  record Stopped() implements ListenSpec {
    @Override
    public boolean reusePort() {
      return false;
    }

    @Override
    public boolean multithreaded() {
      return false;
    }

    @Override
    public String toString() {
      return "0";
    }
  }
}
