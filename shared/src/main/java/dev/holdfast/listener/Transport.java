package dev.holdfast.listener;

import java.util.Arrays;
import java.util.Optional;

/** What carries the bytes of a listener: an address family and a socket type. */
public enum Transport {
  TCP("tcp", "stream", false),
  UDP("udp", "datagram", false),
  UNIX("unix", "stream", true),
  UNIX_DATAGRAM("unixgram", "datagram", true),
  SEQPACKET("seqpacket", "seqpacket", true);

  private final String scheme;
  private final String kind;
  private final boolean unix;

  Transport(String scheme, String kind, boolean unix) {
    this.scheme = scheme;
    this.kind = kind;
    this.unix = unix;
  }

  /** The word before the first colon of an endpoint, and of a listen spec except TCP's. */
  public String scheme() {
    return scheme;
  }

  /** The socket type as the wire has it: stream, datagram, seqpacket. */
  public String kind() {
    return kind;
  }

  public boolean isUnix() {
    return unix;
  }

  /** The transport of a scheme, written exactly so. */
  public static Optional<Transport> ofScheme(String scheme) {
    return Arrays.stream(values()).filter(transport -> transport.scheme.equals(scheme)).findFirst();
  }
}
