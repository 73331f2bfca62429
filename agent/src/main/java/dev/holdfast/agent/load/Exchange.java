package dev.holdfast.agent.load;

import java.nio.charset.StandardCharsets;

/** What is said on a connection, and what counts as a good answer. */
public abstract sealed class Exchange permits Exchange.Http, Exchange.Line {
  private final byte[] request;

  private Exchange(String request) {
    this.request = request.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * An HTTP/1.0 GET with {@code Connection: close}. A good answer has a status of 2xx and as many
   * body bytes as its Content-Length says; without one, the body ends with the connection.
   */
  public static Exchange http(String path) {
    if (!path.startsWith("/") || path.chars().anyMatch(c -> c <= ' ' || c > '~')) {
      throw new IllegalArgumentException("an HTTP path starts with / and has no spaces: " + path);
    }
    return new Http(path);
  }

  /**
   * Plain text: the request (which may be empty, and carries its own line end) is sent, and a good
   * answer is one or more whole lines, the last one ended by a line feed before the connection is.
   */
  public static Exchange line(String request) {
    return new Line(request);
  }

  byte[] request() {
    return request.clone();
  }

  /** A reader for one connection after another. */
  abstract AnswerReader reader();

  static final class Http extends Exchange {
    private Http(String path) {
      super("GET " + path + " HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }

    @Override
    AnswerReader reader() {
      return new HttpAnswer();
    }
  }

  static final class Line extends Exchange {
    private Line(String request) {
      super(request);
    }

    @Override
    AnswerReader reader() {
      return new LineAnswer();
    }
  }
}
