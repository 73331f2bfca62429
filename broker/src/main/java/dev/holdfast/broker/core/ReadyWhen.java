package dev.holdfast.broker.core;

/** What makes a worker count as ready. */
public enum ReadyWhen {
  /** It says so: READY=1 on its notify socket, or Ready on its lease. */
  NOTIFY("notify"),
  /** It is seen waiting for a connection on one of its listeners; or it says so. */
  ACCEPTING("accepting"),
  /** Its program has been started. */
  EXEC("exec");

  private final String word;

  ReadyWhen(String word) {
    this.word = word;
  }

  /** As it is written in the configuration and on the wire. */
  public String word() {
    return word;
  }
}
