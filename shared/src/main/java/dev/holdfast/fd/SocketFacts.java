package dev.holdfast.fd;

/**
 * What a socket is, read from the kernel.
 *
 * @param domain AF_UNIX 1, AF_INET 2, AF_INET6 10
 * @param type SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5
 * @param listening SO_ACCEPTCONN
 * @param address its own address as an endpoint reads: {@code tcp:127.0.0.1:80}, {@code
 *     udp:[::]:53}, {@code unix:/run/x}
 * @param port of an inet socket; 0 for a Unix socket
 * @param cookie SO_COOKIE: one number for each socket of this boot, whoever holds it
 */
public record SocketFacts(
    int domain, int type, int protocol, boolean listening, String address, int port, long cookie) {

  public boolean isUnix() {
    return domain == Libc.AF_UNIX;
  }

  public boolean isStream() {
    return type == Libc.SOCK_STREAM;
  }

  public boolean isDatagram() {
    return type == Libc.SOCK_DGRAM;
  }
}
