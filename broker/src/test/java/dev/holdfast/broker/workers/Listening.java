package dev.holdfast.broker.workers;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import java.io.IOException;
import java.net.InetAddress;

/** Listeners as the broker would have them. */
final class Listening {

  private Listening() {}

  static OwnedFd tcp(String host, boolean blocking) throws IOException {
    InetAddress address = InetAddress.getByName(host);
    OwnedFd fd = Sockets.open(address, Sockets.Kind.STREAM);
    Sockets.bind(fd, address, 0, host);
    Sockets.listen(fd, 1024, host);
    Sockets.setNonBlocking(fd, !blocking);
    return fd;
  }

  static OwnedFd tcp(boolean blocking) throws IOException {
    return tcp("127.0.0.1", blocking);
  }

  static OwnedFd udp() throws IOException {
    InetAddress address = InetAddress.getByName("127.0.0.1");
    OwnedFd fd = Sockets.open(address, Sockets.Kind.DATAGRAM);
    Sockets.bind(fd, address, 0, "udp");
    Sockets.setNonBlocking(fd, false);
    return fd;
  }

  static OwnedFd unix(String address) throws IOException {
    OwnedFd fd = Sockets.openUnix(Sockets.Kind.STREAM);
    Sockets.bind(fd, UnixAddress.parse(address), "unix");
    Sockets.listen(fd, 1024, "unix");
    Sockets.setNonBlocking(fd, false);
    return fd;
  }

  static int port(OwnedFd fd) throws IOException {
    return Sockets.facts(fd).port();
  }
}
