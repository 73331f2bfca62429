package dev.holdfast.broker.config;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.Host;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.Transport;

/** The listeners that a key is for. A stopped one takes every key: they wait for its next spec. */
enum Fit {
  EVERYTHING("every listener"),
  CONNECTIONS("listeners that take connections"),
  INET("TCP and UDP"),
  TCP("TCP"),
  IPV6("listeners that IPv6 reaches"),
  PATH("Unix sockets with a path");

  private final String whom;

  Fit(String whom) {
    this.whom = whom;
  }

  /** In words: "… is for TCP". */
  String whom() {
    return whom;
  }

  boolean suits(ListenSpec spec) {
    return spec instanceof ListenSpec.Stopped
        || switch (this) {
          case EVERYTHING -> true;
          case CONNECTIONS -> !isInet(spec, Transport.UDP);
          case INET -> spec instanceof ListenSpec.Inet;
          case TCP -> isInet(spec, Transport.TCP);
          case IPV6 -> spec instanceof ListenSpec.Inet inet && !(inet.host() instanceof Host.Ipv4);
          case PATH ->
              spec instanceof ListenSpec.Unix unix && unix.address() instanceof UnixAddress.Path;
        };
  }

  private static boolean isInet(ListenSpec spec, Transport transport) {
    return spec instanceof ListenSpec.Inet inet && inet.transport() == transport;
  }
}
