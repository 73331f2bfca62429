package dev.holdfast.listener;

import java.util.Locale;

/** Reads one listen spec: what stands in front of the host, and the order of the parts. */
final class ListenSpecParser {

  private final SpecText text;

  ListenSpecParser(String text) {
    this.text = new SpecText(text);
  }

  ListenSpec parse() throws InvalidSpecException {
    text.requirePrintable();
    if (text.length() == 0) {
      throw text.fault("it is empty; write a port such as 8080, or 0 to stop listening");
    }
    if (text.rest().equals("0")) {
      return new ListenSpec.Stopped();
    }
    boolean multithreaded = text.take("-");
    int startOfShards = text.at();
    boolean reusePort = text.take("rp,");
    int startOfTransport = text.at();
    Transport transport = transport();
    if (!transport.isUnix()) {
      return inet(transport, reusePort, multithreaded);
    }
    if (reusePort) {
      throw text.faultAt(
          startOfShards, "a Unix socket has no SO_REUSEPORT shards; leave out \"rp,\"");
    }
    if (transport == Transport.UNIX_DATAGRAM) {
      throw text.faultAt(
          startOfTransport, "Unix datagram listeners are not offered; write unix: or seqpacket:");
    }
    return new ListenSpec.Unix(transport, multithreaded, UnixAddressReader.read(text));
  }

  private Transport transport() throws InvalidSpecException {
    int colon = text.next(':');
    if (colon < 0) {
      return Transport.TCP;
    }
    String word = text.upTo(colon);
    String lower = word.toLowerCase(Locale.ROOT);
    if (lower.equals(Transport.TCP.scheme())) {
      throw text.fault("a TCP listener is written without \"tcp:\"");
    }
    Transport transport = Transport.ofScheme(lower).orElse(Transport.TCP);
    if (transport == Transport.TCP) {
      return transport; // the word is a host
    }
    if (!word.equals(lower)) {
      throw text.fault("write \"" + lower + ":\" in lower case");
    }
    text.goOnAt(colon + 1);
    return transport;
  }

  private ListenSpec inet(Transport transport, boolean reusePort, boolean leadingMinus)
      throws InvalidSpecException {
    Host host = HostReader.read(text);
    int startOfMinus = leadingMinus ? 0 : text.at();
    boolean innerMinus = text.take("-");
    if (innerMinus && leadingMinus) {
      throw text.faultAt(text.at() - 1, "there is a '-' in front already");
    }
    boolean multithreaded = innerMinus || leadingMinus;
    if (multithreaded && transport == Transport.UDP) {
      throw text.faultAt(
          startOfMinus, "UDP has no connections to give threads to; leave out the '-'");
    }
    return new ListenSpec.Inet(transport, reusePort, multithreaded, host, PortReader.read(text));
  }
}
