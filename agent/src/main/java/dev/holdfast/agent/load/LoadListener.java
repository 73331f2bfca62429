package dev.holdfast.agent.load;

/**
 * Is told of each exchange that ended, as it ended. Called on the load's thread, many thousand
 * times a second: must neither block nor throw. What it notes can be read by others after {@link
 * LoadGenerator#await}, {@link LoadGenerator#snapshot} or {@link LoadGenerator#close}.
 */
public interface LoadListener {
  /** Is not interested. */
  LoadListener NONE = new LoadListener() {};

  /**
   * A good answer came.
   *
   * @param began when connect was called, or the request was written on a kept connection ({@link
   *     System#nanoTime})
   * @param ended when its last byte was read
   * @param head status line and headers, empty when the exchange has none
   */
  default void served(long began, long ended, String head) {}

  /** The exchange was lost; moments as for {@link #served}. */
  default void lost(LostConnection lost, long began, long ended) {}
}
