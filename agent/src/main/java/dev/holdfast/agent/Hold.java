package dev.holdfast.agent;

/** What a lease follows, and ends with. */
public enum Hold {
  /** The calling process, whatever becomes of its connections. */
  PROCESS("process"),
  /** The connection it was acquired on: {@link Holdfast#close()} ends it. */
  CONNECTION("connection");

  private final String wireName;

  Hold(String wireName) {
    this.wireName = wireName;
  }

  String wireName() {
    return wireName;
  }
}
