package dev.holdfast.broker.core;

/** What happens to connections while no worker has a lease on the listener. */
public enum IdlePolicy {
  /** They wait in the accept queue, as long as it has room. */
  QUEUE,
  /** They are refused: the socket stays bound and does not listen. */
  REFUSE,
  /** They wait, and the first of them has the services of the listener started. */
  SPAWN;

  /** As it is written in the configuration and on the wire. */
  public String word() {
    return switch (this) {
      case QUEUE -> "queue";
      case REFUSE -> "refuse";
      case SPAWN -> "spawn";
    };
  }
}
