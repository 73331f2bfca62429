package dev.holdfast.agent.load;

import java.util.Optional;

/** Whole lines until the end of the connection. */
final class LineAnswer extends AnswerReader {
  @Override
  boolean isComplete() {
    return false;
  }

  @Override
  Optional<String> fault() {
    return last() == '\n'
        ? Optional.empty()
        : Optional.of("the answer ended within a line, after " + total() + " bytes");
  }

  @Override
  String head() {
    return "";
  }

  @Override
  String body() {
    return text(0, kept());
  }
}
