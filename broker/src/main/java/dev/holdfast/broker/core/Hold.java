package dev.holdfast.broker.core;

/** What a lease follows, and with what it ends. */
public enum Hold {
  /** The process that acquired it, by its pidfd. */
  PROCESS,
  /** The control connection over which it was acquired. */
  CONNECTION;

  /** As it is written on the wire. */
  public String word() {
    return this == PROCESS ? "process" : "connection";
  }
}
