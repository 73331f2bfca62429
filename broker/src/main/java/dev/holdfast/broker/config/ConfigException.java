package dev.holdfast.broker.config;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A configuration that cannot be used. The message has one line for each problem. */
public final class ConfigException extends Exception {

  private final List<Problem> problems;

  ConfigException(List<Problem> problems) {
    this(problems, null);
  }

  ConfigException(List<Problem> problems, @Nullable Throwable cause) {
    super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")), cause);
    this.problems = List.copyOf(problems);
  }

  /** All that is wrong, at least one, in order of their lines. */
  public List<Problem> problems() {
    return problems;
  }
}
