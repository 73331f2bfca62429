package dev.holdfast.agent.load;

import java.util.Optional;

/** A byte of any kind, or none before an orderly end. */
final class AnyAnswer extends AnswerReader {
  @Override
  boolean isComplete() {
    return !isEmpty();
  }

  @Override
  boolean mayBeEmpty() {
    return true;
  }

  @Override
  Optional<String> fault() {
    return Optional.empty();
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
