package dev.holdfast.broker.javaagent;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/**
 * A program that binds one address in one way, KIND HOST PORT or KIND PATH, says {@code bound} or
 * {@code failed} and why in a line, and serves until it is ended.
 */
public final class Binder {
  private static final String NAME = "binder-" + ProcessHandle.current().pid();

  private Binder() {}

  public static void main(String[] arguments) {
    try {
      run(arguments);
    } catch (IOException e) {
      System.out.println("failed " + e);
      System.exit(3);
    }
  }

  private static void run(String[] arguments) throws IOException {
    SocketAddress address =
        arguments.length > 2
            ? new InetSocketAddress(
                InetAddress.getByName(arguments[1]), Integer.parseInt(arguments[2]))
            : UnixDomainSocketAddress.of(arguments[1]);
    switch (arguments[0]) {
      case "socket" -> socket(address);
      case "channel" -> channel(ServerSocketChannel.open(), address);
      case "selector" -> selector(address);
      case "unix" -> channel(ServerSocketChannel.open(StandardProtocolFamily.UNIX), address);
      case "datagrams" -> datagrams(DatagramChannel.open(), address);
      case "datagrams4" -> datagrams(DatagramChannel.open(StandardProtocolFamily.INET), address);
      case "datagram-socket" -> datagrams(address);
      case "client" -> client(address);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static void bound(Object where) {
    System.out.println("bound " + where);
  }

  private static void socket(SocketAddress address) throws IOException {
    try (ServerSocket server = new ServerSocket()) {
      server.bind(address);
      bound(server.getLocalSocketAddress());
      while (true) {
        Socket accepted = server.accept();
        thread(() -> answer(accepted));
      }
    }
  }

  private static void channel(ServerSocketChannel server, SocketAddress address)
      throws IOException {
    try (server) {
      server.bind(address);
      bound(server.getLocalAddress());
      while (true) {
        SocketChannel accepted = server.accept();
        thread(() -> answer(accepted));
      }
    }
  }

  private static void selector(SocketAddress address) throws IOException {
    try (Selector selector = Selector.open();
        ServerSocketChannel server = ServerSocketChannel.open()) {
      server.bind(address);
      server.configureBlocking(false);
      bound(server.getLocalAddress());
      SelectionKey unused = server.register(selector, SelectionKey.OP_ACCEPT);
      while (true) {
        selector.select();
        selector.selectedKeys().clear();
        SocketChannel accepted = server.accept();
        if (accepted != null) {
          thread(() -> answer(accepted));
        }
      }
    }
  }

  /** Sends back what comes, and is refused a connection. */
  private static void datagrams(DatagramChannel channel, SocketAddress address) throws IOException {
    try (channel) {
      channel.bind(address);
      bound(channel.getLocalAddress());
      ByteBuffer packet = ByteBuffer.allocate(2000);
      while (true) {
        SocketAddress from = channel.receive(packet.clear());
        channel.send(packet.flip(), from);
        try {
          System.out.println("connected " + channel.connect(from));
        } catch (IOException e) {
          System.out.println("not connected: " + e.getMessage());
        }
      }
    }
  }

  private static void datagrams(SocketAddress address) throws IOException {
    try (DatagramSocket socket = new DatagramSocket(address)) {
      bound(socket.getLocalSocketAddress());
      socket.setSoTimeout(600_000); // which the JDK does by way of O_NONBLOCK
      socket.setReceiveBufferSize(5000);
      DatagramPacket packet = new DatagramPacket(new byte[2000], 2000);
      while (true) {
        socket.receive(packet);
        socket.send(packet);
      }
    }
  }

  /** Sockets that do not serve: bound before they connect, or by the kernel. */
  private static void client(SocketAddress address) throws IOException {
    try (ServerSocket server = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
        Socket socket = new Socket()) {
      socket.setReuseAddress(true);
      socket.bind(address);
      socket.connect(server.getLocalSocketAddress());
      bound(socket.getLocalSocketAddress());
      thread(() -> server.accept().close());
      System.out.println("read " + socket.getInputStream().read());
    }
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void thread(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException e) {
                // The client went away.
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  private static void answer(Socket accepted) throws IOException {
    try (accepted) {
      byte[] asked = new byte[4096];
      int read = accepted.getInputStream().read(asked);
      if (read > 0) {
        accepted.getOutputStream().write(text());
      }
    }
  }

  private static void answer(SocketChannel accepted) throws IOException {
    try (accepted) {
      if (accepted.read(ByteBuffer.allocate(4096)) > 0) {
        ByteBuffer answer = ByteBuffer.wrap(text());
        while (answer.hasRemaining()) {
          accepted.write(answer);
        }
      }
    }
  }

  private static byte[] text() {
    String body = "worker " + NAME + " pid " + ProcessHandle.current().pid() + "\n";
    String head = "HTTP/1.0 200 OK\r\nX-Worker: " + NAME + "\r\nContent-Length: " + body.length();
    return (head + "\r\n\r\n" + body).getBytes(StandardCharsets.US_ASCII);
  }
}
