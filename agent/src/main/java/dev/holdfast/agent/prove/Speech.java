package dev.holdfast.agent.prove;

import dev.holdfast.agent.load.Exchange;

/**
 * What the clients of the load say.
 *
 * @param kind how they use a connection
 * @param path what HTTP asks for
 */
public record Speech(Kind kind, String path) {

  /**
   * After so many requests a client closes the connection, as servers and proxies do by default.
   */
  static final int REQUESTS_EACH = 100;

  /** Harmless to whatever listens; the empty line makes an answer of what waits for headers. */
  private static final String LINE = "PING\r\n\r\n";

  /** How connections are used. */
  public enum Kind {
    HTTP("http"),
    KEEP_ALIVE("keepalive"),
    PLAIN("plain");

    private final String word;

    Kind(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

  public Speech {
    Object unused = exchange(kind, path); // throws for a path that is none
  }

  Exchange exchange() {
    return exchange(kind, path);
  }

  boolean isHttp() {
    return kind != Kind.PLAIN;
  }

  String words() {
    return switch (kind) {
      case HTTP -> "HTTP/1.1 GET " + path + ", one request a connection";
      case KEEP_ALIVE ->
          "HTTP/1.1 GET " + path + ", up to " + REQUESTS_EACH + " requests a connection";
      case PLAIN -> "plain: connect, send a line, take any byte or an orderly end";
    };
  }

  private static Exchange exchange(Kind kind, String path) {
    return switch (kind) {
      case HTTP -> Exchange.http11(path, 1);
      case KEEP_ALIVE -> Exchange.http11(path, REQUESTS_EACH);
      case PLAIN -> Exchange.word(LINE);
    };
  }
}
