package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A listener on a free loopback port, held as the broker would hold it. */
public record TestListener(OwnedFd fd, int port) implements AutoCloseable {

  public static TestListener open(boolean nonBlocking) throws IOException {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    OwnedFd fd = Sockets.open(loopback, Sockets.Kind.STREAM);
    Sockets.bind(fd, loopback, 0, "test");
    Sockets.listen(fd, 1024, "test");
    Sockets.setNonBlocking(fd, nonBlocking);
    return new TestListener(fd, Sockets.facts(fd).port());
  }

  /** Connects and reads the one byte that a server of these tests says; -1 when it said nothing. */
  int ask() throws IOException {
    try (SocketChannel client = connect()) {
      return answer(client);
    }
  }

  SocketChannel connect() throws IOException {
    return SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
  }

  static int answer(SocketChannel client) throws IOException {
    ByteBuffer byteOfWorker = ByteBuffer.allocate(1);
    return client.read(byteOfWorker) < 0 ? -1 : byteOfWorker.get(0);
  }

  /** A handler that says the byte and closes. */
  static ConnectionHandler saying(int worker) {
    return connection -> {
      try (connection) {
        connection.write(ByteBuffer.wrap(new byte[] {(byte) worker}));
      }
    };
  }

  static int openDescriptors() {
    String[] names = new File("/proc/self/fd").list();
    return names == null ? -1 : names.length;
  }

  /** What this process has open of sockets and epolls, as /proc names them. */
  static List<String> openSockets() throws IOException {
    List<String> result = new ArrayList<>();
    try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
      for (Path link : links.toList()) {
        try {
          result.add(Files.readSymbolicLink(link).toString());
        } catch (NoSuchFileException e) {
          // the descriptor that listed the directory
        }
      }
    }
    result.removeIf(name -> name.startsWith("/"));
    result.sort(null);
    return result;
  }

  @Override
  public void close() {
    fd.close();
  }
}
