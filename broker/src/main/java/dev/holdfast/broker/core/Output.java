package dev.holdfast.broker.core;

import java.nio.file.Path;

/** Where a worker's standard output and standard error go. */
public sealed interface Output {

  /** To the broker's own log, each line with the service's name and the pid in front. */
  record Journal() implements Output {}

  /** To the end of a file, which the worker itself writes; it is made if it is not there. */
  record ToFile(Path path) implements Output {}
}
