package dev.holdfast.broker.core;

/** The life of a supervised worker; it only moves forward. */
public enum WorkerState {
  /** It was started, and is not ready. */
  STARTING("starting"),
  READY("ready"),
  /** It was asked to finish, or said that it does. */
  STOPPING("stopping");

  private final String word;

  WorkerState(String word) {
    this.word = word;
  }

  /** As it is written on the wire. */
  public String word() {
    return word;
  }
}
