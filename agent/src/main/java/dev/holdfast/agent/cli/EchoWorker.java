package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.holdfast.agent.Acceptor;
import dev.holdfast.agent.ConnectionHandler;
import dev.holdfast.agent.Drain;
import dev.holdfast.agent.Holdfast;
import dev.holdfast.agent.Lease;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Signals;
import dev.holdfast.fd.SocketOption;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * A small HTTP server on a leased listener, to try the broker and to measure it: answers every
 * request with its name and pid. Ends with 0 after a drain, SIGTERM or SIGINT, when it has answered
 * what it accepted. With {@code --bind} it serves a port of its own in the same way, without a
 * broker: what a listener that is handed out is compared with.
 */
@NullMarked
public final class EchoWorker {

  private static final Duration FINISHING = Duration.ofSeconds(10);
  private static final int BACKLOG = 65_535; // the broker's
  private static final int REQUEST_LIMIT = 16 * 1024;

  private record Options(
      String listener,
      String name,
      int threads,
      boolean blockingAccept,
      @Nullable String bind,
      boolean blockingListener) {
    static Options parse(String[] arguments) {
      String listener = "web";
      String bind = null;
      boolean blockingListener = false;
      String name = "worker";
      int threads = 1;
      boolean blocking = false;
      for (int i = 0; i < arguments.length; i++) {
        switch (arguments[i]) {
          case "--listener" -> listener = value(arguments, ++i);
          case "--name" -> name = value(arguments, ++i);
          case "--threads" -> threads = Integer.parseInt(value(arguments, ++i));
          case "--blocking-accept" -> blocking = true;
          case "--bind" -> bind = value(arguments, ++i);
          case "--blocking-listener" -> blockingListener = true;
          default -> throw new IllegalArgumentException("no such option: " + arguments[i]);
        }
      }
      return new Options(listener, name, threads, blocking, bind, blockingListener);
    }

    private static String value(String[] arguments, int at) {
      if (at == arguments.length) {
        throw new IllegalArgumentException(arguments[at - 1] + " needs a value");
      }
      return arguments[at];
    }
  }

  /** One thread's buffers. */
  private record Buffers(ByteBuffer request, ByteBuffer answer) {
    static Buffers of(String name) {
      String body = "worker " + name + " pid " + ProcessHandle.current().pid() + "\n";
      byte[] answer =
          ("HTTP/1.1 200 OK\r\nX-Worker: "
                  + name
                  + "\r\nContent-Type: text/plain\r\nContent-Length: "
                  + body.length()
                  + "\r\nConnection: close\r\n\r\n"
                  + body)
              .getBytes(US_ASCII);
      return new Buffers(
          ByteBuffer.allocateDirect(REQUEST_LIMIT),
          ByteBuffer.allocateDirect(answer.length).put(answer).flip());
    }
  }

  private EchoWorker() {}

  public static void main(String[] arguments) {
    try {
      run(Options.parse(arguments));
      System.exit(0); // also past a handler that still waits for a slow client
    } catch (IllegalArgumentException e) {
      System.err.println(
          "echo worker: "
              + e.getMessage()
              + "\nusage: EchoWorker [--listener NAME] [--name NAME] [--threads N]"
              + " [--blocking-accept] [--bind HOST:PORT [--blocking-listener]]");
      System.exit(64);
    } catch (IOException e) {
      System.err.println("echo worker: " + e.getMessage());
      System.exit(69);
    } catch (InterruptedException e) {
      System.exit(71);
    }
  }

  private static void run(Options options) throws IOException, InterruptedException {
    CompletableFuture<Drain> drained = new CompletableFuture<>();
    for (String signal : new String[] {"TERM", "INT"}) {
      Signals.onSignal(signal, name -> drained.complete(new Drain(null, false)));
    }
    String bind = options.bind();
    if (bind != null) {
      serveAlone(bind, options, drained);
      return;
    }
    try (Lease lease = lease(options.listener())) {
      Acceptor acceptor =
          start(Acceptor.of(lease, options.listener(), answering(options.name())), options);
      lease.onDrain(drained::complete);
      lease.ready();
      System.out.println("ready " + options.name() + " " + lease.id());
      Drain drain = drained.join();
      acceptor.stop(drain.left(Instant.now()).orElse(FINISHING));
    }
  }

  private static Acceptor start(Acceptor.Builder acceptor, Options options) throws IOException {
    return acceptor.threads(options.threads()).blockingAccept(options.blockingAccept()).start();
  }

  /** A listener as the broker makes it, bound here. */
  private static void serveAlone(String bind, Options options, CompletableFuture<Drain> end)
      throws IOException, InterruptedException {
    int colon = bind.lastIndexOf(':');
    if (colon < 0) {
      throw new IllegalArgumentException("--bind takes HOST:PORT, not " + bind);
    }
    InetAddress host = InetAddress.getByName(bind.substring(0, colon));
    int port = Integer.parseInt(bind.substring(colon + 1));
    try (OwnedFd socket = Sockets.open(host, Sockets.Kind.STREAM)) {
      Sockets.set(socket, SocketOption.REUSE_ADDRESS, 1, bind);
      Sockets.bind(socket, host, port, bind);
      Sockets.listen(socket, BACKLOG, bind);
      Sockets.setNonBlocking(socket, !options.blockingListener());
      Acceptor acceptor = start(Acceptor.of(socket, "alone", answering(options.name())), options);
      System.out.println("ready " + options.name() + " " + Sockets.facts(socket).address());
      Drain unused = end.join();
      acceptor.stop(FINISHING);
    }
  }

  private static Lease lease(String listener) throws IOException {
    Optional<Lease> inherited = Lease.inherited();
    if (inherited.isPresent()) {
      return inherited.get();
    }
    try (Holdfast holdfast = Holdfast.connect()) {
      return holdfast.acquire(listener);
    }
  }

  private static ConnectionHandler answering(String name) {
    ThreadLocal<Buffers> buffers = ThreadLocal.withInitial(() -> Buffers.of(name));
    return connection -> {
      try (connection) {
        Buffers mine = buffers.get();
        if (readRequest(connection, mine.request().clear())) {
          ByteBuffer answer = mine.answer().rewind();
          while (answer.hasRemaining()) {
            connection.write(answer);
          }
        }
      } catch (IOException e) {
        // The client went away; there is nobody left to tell.
      }
    };
  }

  /** Reads to the end of the head; false when the client closed before, or sent too much. */
  private static boolean readRequest(SocketChannel connection, ByteBuffer into) throws IOException {
    while (into.hasRemaining() && connection.read(into) >= 0) {
      int end = into.position();
      if (end >= 4 && into.getInt(end - 4) == 0x0d0a0d0a) { // \r\n\r\n
        return true;
      }
    }
    return false;
  }
}
