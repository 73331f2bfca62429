package dev.holdfast.servers.jdk;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** One thread and a Selector, which knows the channel before it is bound: HOST PORT NAME. */
public final class EarlySelector {
  private final Selector selector;
  private final ServerSocketChannel server;
  private final Answer answer;

  private EarlySelector(InetSocketAddress address, String name) throws IOException {
    selector = Selector.open();
    server = ServerSocketChannel.open();
    server.configureBlocking(false);
    server.register(selector, SelectionKey.OP_ACCEPT);
    // The kernel is told of an interest only when somebody selects.
    selector.selectNow();
    selector.selectedKeys().clear();
    server.bind(address);
    answer = new Answer(name, ((InetSocketAddress) server.getLocalAddress()).getPort());
  }

  public static void main(String[] arguments) throws IOException {
    EarlySelector loop =
        new EarlySelector(
            new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1])), arguments[2]);
    while (true) {
      loop.selector.select(loop::ready);
    }
  }

  private void ready(SelectionKey key) {
    try {
      if (key.isAcceptable()) {
        accept();
      } else {
        serve((SocketChannel) key.channel(), (ByteBuffer) key.attachment());
      }
    } catch (IOException e) {
      e.printStackTrace();
    }
  }

  private void accept() throws IOException {
    SocketChannel connection = server.accept();
    if (connection != null) { // Another process was faster.
      connection.configureBlocking(false);
      connection.register(selector, SelectionKey.OP_READ, ByteBuffer.allocate(4096));
    }
  }

  private void serve(SocketChannel connection, ByteBuffer request) throws IOException {
    int read = connection.read(request);
    boolean complete = Answer.endsWithEmptyLine(request.array(), request.position());
    if (complete) {
      connection.write(ByteBuffer.wrap(answer.http())); // It fits into an empty send buffer.
    }
    if (complete || read < 0) {
      connection.close();
    }
  }
}
