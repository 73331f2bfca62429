package dev.holdfast.broker.config;

/**
 * One key that a section can have.
 *
 * @param fit which listeners it is for
 */
record Key<T>(String name, Reader<T> reader, Fit fit) {

  static <T> Key<T> of(String name, Reader<T> reader) {
    return new Key<>(name, reader, Fit.EVERYTHING);
  }

  static <T> Key<T> of(String name, Reader<T> reader, Fit fit) {
    return new Key<>(name, reader, fit);
  }
}
