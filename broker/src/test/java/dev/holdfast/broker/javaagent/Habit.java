package dev.holdfast.broker.javaagent;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketOption;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousServerSocketChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadFactory;

/**
 * What programs do to a server socket that they take for their own: HABIT HOST PORT. Each serves
 * what it accepts, and never heard of a broker.
 */
enum Habit {
  TIMED_SERVER_SOCKET {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      try (ServerSocket server = bound(address)) {
        server.setSoTimeout(5);
        while (true) {
          try {
            answer(server.accept());
          } catch (SocketTimeoutException e) {
            // As it asked for.
          }
        }
      }
    }
  },
  TIMED_ADAPTOR {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      try (ServerSocketChannel channel = ServerSocketChannel.open().bind(address, 1)) {
        channel.socket().setSoTimeout(5);
        while (true) {
          try {
            answer(channel.socket().accept());
          } catch (SocketTimeoutException e) {
            // As it asked for.
          }
        }
      }
    }
  },
  TOGGLES_BLOCKING {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      try (ServerSocketChannel channel = ServerSocketChannel.open().bind(address, 1)) {
        while (true) {
          channel.configureBlocking(false);
          answerIfAny(channel.accept());
          channel.configureBlocking(true);
          answerIfAny(channel.accept());
        }
      }
    }
  },
  SETS_OPTIONS {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      try (ServerSocket server = new ServerSocket();
          ServerSocketChannel channel = ServerSocketChannel.open()) {
        server.setReceiveBufferSize(5000);
        server.bind(address, 1);
        channel.setOption(StandardSocketOptions.SO_RCVBUF, 6000).bind(address, 1);
        while (true) {
          server.setReceiveBufferSize(7000);
          server.setReuseAddress(!server.getReuseAddress());
          for (SocketOption<?> each : server.supportedOptions()) {
            set(each, server::setOption, Habit::change);
          }
          for (SocketOption<?> each : channel.supportedOptions()) {
            set(each, channel::setOption, Habit::change);
          }
          answer(server.accept());
        }
      }
    }
  },
  BINDS_AGAIN {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      while (true) {
        try (ServerSocket server = bound(address)) {
          answer(server.accept());
        }
        try (ServerSocketChannel channel = ServerSocketChannel.open().bind(address, 2)) {
          answer(channel.socket().accept());
        }
      }
    }
  },
  /** By another thread, or by an interrupt. */
  IS_CLOSED_IN_ACCEPT {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      while (true) {
        try (ServerSocketChannel channel = ServerSocketChannel.open().bind(address, 3)) {
          answerIfAny(channel.accept());
          thread(channel::close);
          while (true) {
            answerIfAny(channel.accept());
          }
        } catch (ClosedChannelException e) {
          interrupted(address);
        }
      }
    }

    private void interrupted(InetSocketAddress address) throws IOException {
      try (ServerSocketChannel channel = ServerSocketChannel.open().bind(address, 3)) {
        answerIfAny(channel.accept());
        Thread.currentThread().interrupt();
        answerIfAny(channel.accept());
      } catch (ClosedChannelException e) {
        boolean unused = Thread.interrupted(); // as meant; binds again
      }
    }
  },
  BINDS_TWICE {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      try (ServerSocket one = bound(address);
          ServerSocketChannel other = ServerSocketChannel.open().bind(address, 4)) {
        thread(
            () -> {
              while (true) {
                answer(one.accept());
              }
            });
        while (true) {
          answerIfAny(other.accept());
        }
      }
    }
  },
  SELECTS {
    @Override
    void serve(InetSocketAddress address) throws IOException {
      while (true) {
        try (Selector selector = Selector.open();
            ServerSocketChannel channel = ServerSocketChannel.open()) {
          channel.configureBlocking(false);
          SelectionKey key = channel.register(selector, SelectionKey.OP_ACCEPT);
          channel.bind(address, 5);
          for (int served = 0; served < 3; ) {
            selector.select();
            selector.selectedKeys().clear();
            SocketChannel accepted = channel.accept();
            served += accepted == null ? 0 : 1;
            answerIfAny(accepted);
          }
          key.cancel();
          selector.selectNow();
          channel.configureBlocking(true); // possible, once it is in no selector
          answerIfAny(channel.accept());
        }
      }
    }
  },
  ASYNCHRONOUS {
    @Override
    void serve(InetSocketAddress address) throws Exception {
      while (true) {
        try (AsynchronousServerSocketChannel server =
            AsynchronousServerSocketChannel.open()
                .setOption(StandardSocketOptions.SO_RCVBUF, 8000)
                .bind(address, 6)) {
          server.setOption(StandardSocketOptions.SO_RCVBUF, 9000);
          for (int served = 0; served < 3; served++) {
            try (AsynchronousSocketChannel accepted = server.accept().get()) {
              ByteBuffer asked = ByteBuffer.allocate(4096);
              while (!isWhole(asked)) {
                accepted.read(asked).get();
              }
              ByteBuffer answer = ByteBuffer.wrap(ANSWER);
              while (answer.hasRemaining()) {
                accepted.write(answer).get();
              }
            }
          }
        }
      }
    }
  },
  /** From 21 on. */
  VIRTUAL_THREADS {
    @Override
    void serve(InetSocketAddress address) throws Exception {
      Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
      ThreadFactory factory =
          (ThreadFactory)
              Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder);
      try (ServerSocket one = bound(address);
          ServerSocketChannel other = ServerSocketChannel.open().bind(address, 7)) {
        Thread socket = factory.newThread(() -> forEver(() -> answer(one.accept())));
        Thread channel = factory.newThread(() -> forEver(() -> answerIfAny(other.accept())));
        socket.start();
        channel.start();
        socket.join();
        channel.join();
      }
    }
  };

  private static final String NAME = "habit-" + ProcessHandle.current().pid();
  private static final byte[] ANSWER = answerText();

  abstract void serve(InetSocketAddress address) throws Exception;

  public static void main(String[] arguments) throws Exception {
    InetSocketAddress address =
        new InetSocketAddress(InetAddress.getByName(arguments[1]), Integer.parseInt(arguments[2]));
    valueOf(arguments[0]).serve(address);
  }

  private interface Work {
    void run() throws IOException;
  }

  private interface Setter {
    <T> Object set(SocketOption<T> option, T value) throws IOException;
  }

  private interface Value {
    Object of(SocketOption<?> option);
  }

  /** With the default backlog of 50, which is not the broker's. */
  private static ServerSocket bound(InetSocketAddress address) throws IOException {
    ServerSocket server = new ServerSocket();
    server.bind(address);
    return server;
  }

  private static <T> void set(SocketOption<T> option, Setter to, Value value) throws IOException {
    try {
      Object unused = to.set(option, option.type().cast(value.of(option)));
    } catch (UnsupportedOperationException | IllegalArgumentException e) {
      // Not for this kind of socket; a program may ask all the same.
    }
  }

  private static Object change(SocketOption<?> option) {
    return option.type() == Boolean.class ? (Object) true : (Object) 4321;
  }

  private static void forEver(Work work) {
    try {
      while (true) {
        work.run();
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void thread(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  private static void answerIfAny(SocketChannel accepted) throws IOException {
    if (accepted != null) {
      accepted.configureBlocking(true);
      answer(accepted.socket());
    }
  }

  private static void answer(Socket accepted) throws IOException {
    try (accepted) {
      ByteBuffer asked = ByteBuffer.allocate(4096);
      while (!isWhole(asked)) {
        int read =
            accepted.getInputStream().read(asked.array(), asked.position(), asked.remaining());
        if (read < 0) {
          return;
        }
        asked.position(asked.position() + read);
      }
      accepted.getOutputStream().write(ANSWER);
    }
  }

  private static boolean isWhole(ByteBuffer asked) {
    return asked.position() >= 4 && asked.getInt(asked.position() - 4) == 0x0d0a0d0a;
  }

  private static byte[] answerText() {
    String body = "worker " + NAME + " pid " + ProcessHandle.current().pid() + "\n";
    String head = "HTTP/1.0 200 OK\r\nX-Worker: " + NAME + "\r\nContent-Length: " + body.length();
    return (head + "\r\n\r\n" + body).getBytes(StandardCharsets.US_ASCII);
  }
}
