package dev.holdfast.agent.load;

import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An answer to an HTTP/1 GET: a status line, headers, and a body by length, by chunks, or to the
 * end.
 */
final class HttpAnswer extends AnswerReader {
  private static final long NOT_SAID = -1;
  private static final WorkerName CONTENT_LENGTH = WorkerName.header("Content-Length");
  private static final WorkerName TRANSFER_ENCODING = WorkerName.header("Transfer-Encoding");
  private static final WorkerName CONNECTION = WorkerName.header("Connection");
  private static final String BEGINNING = "HTTP/1.";

  /**
   * What is good.
   *
   * @param chunked whether the request was an HTTP/1.1 one, which allows chunks and kept
   *     connections
   * @param leastBad the lowest status that is not good; below 200 none is
   */
  record Rules(boolean chunked, int leastBad) {}

  private final Rules rules;
  private int searched;
  private int headLength;
  private long contentLength;
  private @Nullable String headFault;
  private @Nullable ChunkedBody chunks;
  private boolean bodiless;
  private boolean keptOpen;

  HttpAnswer(Rules rules) {
    this.rules = rules;
    clear();
  }

  @Override
  void clear() {
    super.clear();
    searched = 0;
    headLength = 0;
    contentLength = NOT_SAID;
    headFault = null;
    chunks = null;
    bodiless = false;
    keptOpen = false;
  }

  @Override
  void take(ByteBuffer bytes) {
    ByteBuffer body = bytes.duplicate();
    long before = total();
    super.take(bytes);
    if (hasHead() && chunks != null) {
      // The head may have ended within these bytes.
      body.position(body.position() + (int) Math.max(0, headLength - before));
      chunks.take(body);
    }
  }

  @Override
  boolean isComplete() {
    if (!hasHead()) {
      return isSomethingElse();
    }
    if (chunks != null) {
      return chunks.isOver();
    }
    return bodiless || (contentLength != NOT_SAID && bodyLength() >= contentLength);
  }

  /** Nobody has to wait for the end of what is no HTTP, or for that of an endless head. */
  private boolean isSomethingElse() {
    return kept() == KEPT || !BEGINNING.startsWith(text(0, Math.min(kept(), BEGINNING.length())));
  }

  @Override
  boolean leavesOpen() {
    return keptOpen && isComplete() && fault().isEmpty();
  }

  @Override
  Optional<String> fault() {
    if (!hasHead() && isSomethingElse() && kept() < KEPT) {
      return Optional.of("not HTTP/1: " + printable(firstLine(text(0, Math.min(kept(), 40)))));
    }
    if (!hasHead()) {
      return Optional.of("no end of the headers within " + total() + " bytes");
    }
    if (headFault != null) {
      return Optional.of(headFault);
    }
    if (chunks != null) {
      return chunks.fault();
    }
    if (bodiless) {
      return bodyLength() == 0
          ? Optional.empty()
          : Optional.of("a body where the status allows none");
    }
    if (contentLength != NOT_SAID && bodyLength() != contentLength) {
      return Optional.of(
          "%d body bytes where Content-Length says %d".formatted(bodyLength(), contentLength));
    }
    return Optional.empty();
  }

  @Override
  String head() {
    return text(0, headLength);
  }

  @Override
  String body() {
    return text(headLength, kept());
  }

  private long bodyLength() {
    return total() - headLength;
  }

  private boolean hasHead() {
    for (; headLength == 0 && searched < kept(); searched++) {
      if (at(searched) == '\n' && endsEmptyLine(searched)) {
        headLength = searched + 1;
        parse(head());
      }
    }
    return headLength > 0;
  }

  private boolean endsEmptyLine(int lineFeed) {
    int before = lineFeed - 1;
    if (before >= 0 && at(before) == '\r') {
      before--;
    }
    return before >= 0 && at(before) == '\n';
  }

  private void parse(String head) {
    // HTTP/1.x NNN
    if (!head.startsWith(BEGINNING) || head.length() < 12 || head.charAt(8) != ' ') {
      headFault = "not an HTTP/1 status line: " + printable(firstLine(head));
      bodiless = true; // nothing that follows makes it good
      return;
    }
    String status = head.substring(9, 12);
    if (status.compareTo("200") < 0 || status.compareTo(Integer.toString(rules.leastBad())) >= 0) {
      headFault = "status " + status;
    }
    bodiless = rules.chunked() && (status.equals("204") || status.equals("304"));
    CONTENT_LENGTH.in(head, "").ifPresent(this::parseLength);
    TRANSFER_ENCODING.in(head, "").ifPresent(this::parseCoding);
    keptOpen = rules.chunked() && isKept(head);
  }

  private static boolean isKept(String head) {
    String said = CONNECTION.in(head, "").orElse("").toLowerCase(Locale.ROOT);
    return head.startsWith("HTTP/1.0") ? said.contains("keep-alive") : !said.contains("close");
  }

  private void parseCoding(String coding) {
    if (!rules.chunked()) {
      headFault = "a Transfer-Encoding in answer to an HTTP/1.0 request";
    } else if (!bodiless && coding.toLowerCase(Locale.ROOT).endsWith("chunked")) {
      chunks = new ChunkedBody();
    }
  }

  private void parseLength(String length) {
    if (length.length() <= 18 && length.chars().allMatch(c -> c >= '0' && c <= '9')) {
      contentLength = Long.parseLong(length);
    } else {
      headFault = "Content-Length is no number: " + length;
    }
  }

  private static String printable(String text) {
    return text.replaceAll("[^ -~]", "?");
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }
}
