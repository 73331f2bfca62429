package dev.holdfast.broker.core;

/**
 * The life of a lease. It only moves forward: {@link #mayBecome}. A draining one may be told to
 * drain again, until another moment.
 */
public enum LeaseState {
  WARMING,
  READY,
  DRAINING,
  REVOKED;

  boolean mayBecome(LeaseState next) {
    return switch (this) {
      case WARMING -> next != WARMING;
      case READY -> next == DRAINING || next == REVOKED;
      case DRAINING -> next == DRAINING || next == REVOKED;
      case REVOKED -> false;
    };
  }

  /** As it is written on the wire. */
  public String word() {
    return switch (this) {
      case WARMING -> "warming";
      case READY -> "ready";
      case DRAINING -> "draining";
      case REVOKED -> "revoked";
    };
  }
}
