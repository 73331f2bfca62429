package dev.holdfast.broker.config;

import org.jspecify.annotations.Nullable;

/** Turns the value of a key into what is meant by it. */
@FunctionalInterface
interface Reader<T> {

  /** What is meant; null after it reported to the setting what is wrong. */
  @Nullable T read(Setting setting);
}
