package dev.holdfast.broker.core;

import java.nio.file.Path;

/** A Unix socket beside a TCP listener, for peers on the same host. */
public sealed interface Companion {

  /** There is none. */
  record None() implements Companion {}

  /** The abstract name {@code /tmp/kx.PORT}. */
  record AbstractName() implements Companion {}

  /** The path {@code kx.PORT} in a directory, which must exist. */
  record InDirectory(Path directory) implements Companion {}
}
