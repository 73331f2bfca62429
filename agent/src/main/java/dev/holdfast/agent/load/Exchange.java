package dev.holdfast.agent.load;

import java.nio.charset.StandardCharsets;

/** What is said on a connection, and what counts as a good answer. */
public abstract sealed class Exchange permits Exchange.Http, Exchange.Line, Exchange.Word {
  /** Below it, a status says that the server did its part: 404 is an answer. */
  private static final int SERVER_ERROR = 500;

  private static final int REDIRECTION = 300;

  private final byte[] request;
  private final byte[] lastRequest;
  private final int requestsEach;

  private Exchange(String request) {
    this(request, request, 1);
  }

  private Exchange(String request, String lastRequest, int requestsEach) {
    if (requestsEach < 1) {
      throw new IllegalArgumentException("at least one request a connection: " + requestsEach);
    }
    this.request = request.getBytes(StandardCharsets.UTF_8);
    this.lastRequest = lastRequest.getBytes(StandardCharsets.UTF_8);
    this.requestsEach = requestsEach;
  }

  /**
   * An HTTP/1.0 GET with {@code Connection: close}. A good answer has a status of 2xx and as many
   * body bytes as its Content-Length says; without one, the body ends with the connection.
   */
  public static Exchange http(String path) {
    String request = get(path, "HTTP/1.0", "Host: localhost\r\nConnection: close\r\n");
    return new Http(request, request, 1, new HttpAnswer.Rules(false, REDIRECTION));
  }

  /**
   * HTTP/1.1 GETs, as browsers and clients speak it: chunked answers are read, and any status below
   * 500 is good. All requests but the last of a connection ask for it to be kept; the last one has
   * {@code Connection: close}. The server may close earlier, as RFC 9112 has it.
   *
   * @param requestsEach how many are made on one connection at most; 1 keeps none
   */
  public static Exchange http11(String path, int requestsEach) {
    String headers = "Host: localhost\r\nUser-Agent: holdfast\r\nAccept: */*\r\n";
    String last = get(path, "HTTP/1.1", headers + "Connection: close\r\n");
    String kept = requestsEach == 1 ? last : get(path, "HTTP/1.1", headers);
    return new Http(kept, last, requestsEach, new HttpAnswer.Rules(true, SERVER_ERROR));
  }

  private static String get(String path, String version, String headers) {
    if (!path.startsWith("/") || path.chars().anyMatch(c -> c <= ' ' || c > '~')) {
      throw new IllegalArgumentException("an HTTP path starts with / and has no spaces: " + path);
    }
    return "GET " + path + " " + version + "\r\n" + headers + "\r\n";
  }

  /**
   * Plain text: the request (which may be empty, and carries its own line end) is sent, and a good
   * answer is one or more whole lines, the last one ended by a line feed before the connection is.
   */
  public static Exchange line(String request) {
    return new Line(request);
  }

  /**
   * For any protocol: the request is sent, and a good answer is a byte of whatever kind, or an
   * orderly end. A server that closes what it has not served looks good to it.
   */
  public static Exchange word(String request) {
    return new Word(request);
  }

  byte[] request() {
    return request.clone();
  }

  /** What is said when no other request follows on the connection. */
  byte[] lastRequest() {
    return lastRequest.clone();
  }

  /** How many requests a connection carries at most. */
  int requestsEach() {
    return requestsEach;
  }

  /** A reader for one connection after another. */
  abstract AnswerReader reader();

  static final class Http extends Exchange {
    private final HttpAnswer.Rules rules;

    private Http(String request, String last, int requestsEach, HttpAnswer.Rules rules) {
      super(request, last, requestsEach);
      this.rules = rules;
    }

    @Override
    AnswerReader reader() {
      return new HttpAnswer(rules);
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

  static final class Word extends Exchange {
    private Word(String request) {
      super(request);
    }

    @Override
    AnswerReader reader() {
      return new AnyAnswer();
    }
  }
}
