package dev.holdfast.broker.workers;

/** Where the lines of workers go: standard error, but for tests. */
@FunctionalInterface
public interface OutputSink {

  /** A pipe takes this much at once or not at all (PIPE_BUF). */
  int MOST = 4096;

  /**
   * Writes at most {@link #MOST} bytes, whole lines, if that does not block; false when it would.
   * Called on the thread {@code broker-output} only.
   */
  boolean write(byte[] text, int offset, int length);
}
