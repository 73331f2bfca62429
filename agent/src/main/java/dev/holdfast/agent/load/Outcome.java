package dev.holdfast.agent.load;

import java.util.Locale;

/** How one exchange ended, as its client saw it. */
public enum Outcome {
  /** A whole and good answer came. */
  OK,
  /** No connection was made: ECONNREFUSED, a missing Unix path, or no route. */
  REFUSED,
  /** ECONNRESET after the connection stood, before any byte of the answer. */
  RESET,
  /** ECONNRESET after a part of the answer. */
  RESET_MIDWAY,
  /** End of file before any byte of the answer. */
  CLOSED_UNANSWERED,
  /** The connection did not stand in time; on Linux a full accept queue looks like this. */
  CONNECT_TIMED_OUT,
  /**
   * The connection stood, but the whole answer did not come in time. It may have stood for this
   * side only: a queue that fills up during the handshake drops the last ACK of it.
   */
  ANSWER_TIMED_OUT,
  /** An answer came and ended, but it is truncated, malformed, or its status is not a good one. */
  BAD_ANSWER,
  /**
   * A connection that was kept open after an answer ended, or was reset, after the next request was
   * written on it and before any byte of its answer. The worker that had it is the one that lost
   * it: this was never in a queue.
   */
  CUT,
  /**
   * This side could not even try: EMFILE, EADDRNOTAVAIL, EACCES or the like. Reported, but never
   * the server's loss.
   */
  LOCAL;

  /** Whether a client of the server lost something by this: everything but OK and LOCAL. */
  public boolean isLost() {
    return this != OK && this != LOCAL;
  }

  /** For people: {@code connect timed out}. */
  public String words() {
    return name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
