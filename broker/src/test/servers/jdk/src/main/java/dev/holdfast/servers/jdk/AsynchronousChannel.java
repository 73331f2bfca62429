package dev.holdfast.servers.jdk;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousServerSocketChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;
import java.util.concurrent.CountDownLatch;

/** An AsynchronousServerSocketChannel: HOST PORT NAME. */
public final class AsynchronousChannel {
  private final AsynchronousServerSocketChannel server;
  private final Answer answer;

  private AsynchronousChannel(InetSocketAddress address, String name) throws IOException {
    server = AsynchronousServerSocketChannel.open().bind(address);
    answer = new Answer(name, ((InetSocketAddress) server.getLocalAddress()).getPort());
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    new AsynchronousChannel(
            new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1])), arguments[2])
        .acceptNext();
    new CountDownLatch(1).await(); // Its threads are daemons.
  }

  private void acceptNext() {
    server.accept(null, new Accepting());
  }

  private final class Accepting implements CompletionHandler<AsynchronousSocketChannel, Void> {
    @Override
    public void completed(AsynchronousSocketChannel connection, Void nothing) {
      acceptNext();
      ByteBuffer request = ByteBuffer.allocate(4096);
      connection.read(request, request, new Reading(connection));
    }

    @Override
    public void failed(Throwable cause, Void nothing) {
      cause.printStackTrace();
      acceptNext();
    }
  }

  private final class Reading implements CompletionHandler<Integer, ByteBuffer> {
    private final AsynchronousSocketChannel connection;

    Reading(AsynchronousSocketChannel connection) {
      this.connection = connection;
    }

    @Override
    public void completed(Integer read, ByteBuffer request) {
      if (Answer.endsWithEmptyLine(request.array(), request.position())) {
        ByteBuffer bytes = ByteBuffer.wrap(answer.http());
        connection.write(bytes, bytes, new Writing(connection));
      } else if (read < 0) {
        close(connection);
      } else {
        connection.read(request, request, this);
      }
    }

    @Override
    public void failed(Throwable cause, ByteBuffer request) {
      close(connection);
    }
  }

  private record Writing(AsynchronousSocketChannel connection)
      implements CompletionHandler<Integer, ByteBuffer> {
    @Override
    public void completed(Integer written, ByteBuffer rest) {
      if (rest.hasRemaining()) {
        connection.write(rest, rest, this);
      } else {
        close(connection);
      }
    }

    @Override
    public void failed(Throwable cause, ByteBuffer rest) {
      close(connection);
    }
  }

  private static void close(AsynchronousSocketChannel connection) {
    try {
      connection.close();
    } catch (IOException e) {
      e.printStackTrace();
    }
  }
}
