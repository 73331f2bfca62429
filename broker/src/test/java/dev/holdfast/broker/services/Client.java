package dev.holdfast.broker.services;

import dev.holdfast.broker.testing.Probe;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One connection to a worker, from its beginning to the end of the answer. */
public final class Client implements AutoCloseable {
  private static final Pattern PID = Pattern.compile("pid (\\d+)");

  private final Socket socket;

  private Client(Socket socket) {
    this.socket = socket;
  }

  /** Owns the socket, which is connected. */
  public static Client over(Socket connected) {
    return new Client(connected);
  }

  /** Connects and says nothing yet. */
  public static Client connect(int port) throws IOException {
    return new Client(Probe.connect(port));
  }

  /** Connects and has sent its request, and has not read the answer. */
  public static Client asking(int port, String path) throws IOException {
    Client client = connect(port);
    client.ask(path);
    return client;
  }

  /** The body of an answer. */
  public static String get(int port, String path) throws IOException {
    try (Client client = asking(port, path)) {
      return client.answer();
    }
  }

  /** Who answers a new connection. */
  public static int pid(int port) throws IOException {
    return pidIn(get(port, "/"));
  }

  public static int pidIn(String body) throws IOException {
    Matcher pid = PID.matcher(body);
    if (!pid.find()) {
      throw new IOException("not the answer of a worker: " + body);
    }
    return Integer.parseInt(pid.group(1));
  }

  public void ask(String path) throws IOException {
    socket
        .getOutputStream()
        .write(
            ("GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
  }

  /** Reads to the end, and returns the body of a good answer. */
  public String answer() throws IOException {
    InputStream in = socket.getInputStream();
    String whole = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    int body = whole.indexOf("\r\n\r\n");
    if (body < 0 || !whole.contains(" 200 OK\r\n")) {
      throw new IOException("not a good answer: " + whole);
    }
    return whole.substring(body + 4);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
