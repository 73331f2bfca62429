package dev.holdfast.agent.load;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** An answer to an HTTP/1.0 request: a status line, headers, and a body by length or to the end. */
final class HttpAnswer extends AnswerReader {
  private static final long NOT_SAID = -1;

  private int searched;
  private int headLength;
  private long contentLength;
  private @Nullable String headFault;

  HttpAnswer() {
    clear();
  }

  @Override
  void clear() {
    super.clear();
    searched = 0;
    headLength = 0;
    contentLength = NOT_SAID;
    headFault = null;
  }

  @Override
  boolean isComplete() {
    return hasHead() && contentLength != NOT_SAID && bodyLength() >= contentLength;
  }

  @Override
  Optional<String> fault() {
    if (!hasHead()) {
      return Optional.of("no end of the headers within " + total() + " bytes");
    }
    if (headFault != null) {
      return Optional.of(headFault);
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
    if (!head.startsWith("HTTP/1.") || head.length() < 12 || head.charAt(8) != ' ') {
      headFault = "not an HTTP/1 status line: " + firstLine(head);
      return;
    }
    if (head.charAt(9) != '2') {
      headFault = "status " + head.substring(9, 12);
    }
    if (WorkerName.header("Transfer-Encoding").in(head, "").isPresent()) {
      headFault = "a Transfer-Encoding in answer to an HTTP/1.0 request";
    }
    WorkerName.header("Content-Length").in(head, "").ifPresent(this::parseLength);
  }

  private void parseLength(String length) {
    if (length.length() <= 18 && length.chars().allMatch(c -> c >= '0' && c <= '9')) {
      contentLength = Long.parseLong(length);
    } else {
      headFault = "Content-Length is no number: " + length;
    }
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }
}
