package dev.holdfast.agent.prove;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

/** A small HTTP/1.1 server, a thread for each connection, that loses on purpose when told to. */
final class Server implements AutoCloseable {

  /** What becomes of each request. */
  enum Fate {
    SERVED,
    RESET,
    CLOSED,
    ERROR,
    /** Answered, and then the connection ends without a word; as it ends within a stream too. */
    TRUNCATED,
    KEPT_FOR_EVER
  }

  private static final String KEPT =
      "HTTP/1.1 200 OK\r\nX-Worker: alpha\r\nContent-Length: 3\r\n\r\nok\n";
  private static final String LAST = KEPT.replace("X-", "Connection: close\r\nX-");

  volatile Fate fate = Fate.SERVED; // set by the test, read by the connections' threads

  /** Whether the first request of each connection is served all the same. */
  volatile boolean sparesFirst;

  /** One permit for each request that was not served. */
  final Semaphore spoiled = new Semaphore(0);

  final AtomicInteger served = new AtomicInteger();
  private final ServerSocket listener;
  private final ConcurrentHashMap<Socket, Boolean> open = new ConcurrentHashMap<>();

  Server() throws IOException {
    listener = new ServerSocket(0, 1024, InetAddress.getByName("127.0.0.1"));
    thread(this::accept).start();
  }

  String endpoint() {
    return "tcp:127.0.0.1:" + listener.getLocalPort();
  }

  private static Thread thread(Runnable runnable) {
    Thread thread = new Thread(runnable, "server");
    thread.setDaemon(true);
    return thread;
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket accepted = listener.accept();
        open.put(accepted, true);
        thread(() -> serve(accepted)).start();
      } catch (IOException e) {
        // Closed by the test: the loop's condition tells.
      }
    }
  }

  private void serve(Socket accepted) {
    try (accepted) {
      boolean first = true;
      while (answer(accepted, first)) {
        first = false;
      }
    } catch (IOException e) {
      // The client went away.
    } finally {
      open.remove(accepted);
    }
  }

  private boolean answer(Socket accepted, boolean first) throws IOException {
    String request = request(accepted.getInputStream());
    if (request.isEmpty()) {
      return false;
    }
    Fate now = first && sparesFirst ? Fate.SERVED : fate;
    boolean last = request.contains("Connection: close");
    switch (now) {
      case SERVED -> {
        served.incrementAndGet();
        say(accepted, last ? LAST : KEPT);
        return !last;
      }
      case RESET -> accepted.setSoLinger(true, 0);
      case CLOSED -> {}
      case ERROR -> say(accepted, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
      case TRUNCATED -> say(accepted, KEPT.substring(0, KEPT.length() - 1));
      case KEPT_FOR_EVER -> {
        spoiled.release();
        return !request(accepted.getInputStream()).isEmpty();
      }
    }
    spoiled.release();
    return false;
  }

  private static void say(Socket accepted, String text) throws IOException {
    accepted.getOutputStream().write(text.getBytes(ISO_8859_1));
  }

  private static String request(InputStream in) throws IOException {
    StringBuilder request = new StringBuilder();
    while (request.indexOf("\r\n\r\n") < 0) {
      int c = in.read();
      if (c < 0) {
        return "";
      }
      request.append((char) c);
    }
    return request.toString();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket each : open.keySet()) {
      each.close();
    }
  }

  static InetSocketAddress closedPort() throws IOException {
    try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return new InetSocketAddress(closed.getInetAddress(), closed.getLocalPort());
    }
  }
}
