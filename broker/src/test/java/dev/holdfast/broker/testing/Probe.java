package dev.holdfast.broker.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One connection as any client makes it, and who answered it.
 *
 * @param worker the name in the header X-Worker
 * @param pid the process that wrote the answer, as it said
 */
public record Probe(String worker, long pid) {
  private static final int TIMEOUT = 20_000;
  private static final Pattern HEADER = Pattern.compile("(?mi)^X-Worker: (\\S+)\\s*$");
  private static final Pattern BODY = Pattern.compile("worker (\\S+) pid (\\d+)");

  /** GET / of HTTP/1.0 on a TCP port of this host. */
  public static Probe http(int port) throws IOException {
    try (Socket socket = connect(port)) {
      return ask(socket);
    }
  }

  /** A connection that has said nothing yet. */
  public static Socket connect(int port) throws IOException {
    Socket socket = new Socket();
    socket.setSoTimeout(TIMEOUT);
    socket.connect(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), TIMEOUT);
    return socket;
  }

  public static Probe ask(Socket socket) throws IOException {
    socket
        .getOutputStream()
        .write("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    Matcher header = HEADER.matcher(answer);
    Matcher body = BODY.matcher(answer);
    if (!header.find() || !body.find() || !header.group(1).equals(body.group(1))) {
      throw new IOException("not the answer of a worker: " + answer);
    }
    return new Probe(header.group(1), Long.parseLong(body.group(2)));
  }
}
