package dev.holdfast.broker.control;

import dev.holdfast.listener.LeaseId;
import java.util.Optional;

/** Makes the sockets on which programs say that they are ready; the wiring knows how. */
public interface NotifyAddresses {

  /**
   * Opens one for a lease. It is closed when the state says so.
   *
   * @param uid who may send to it, besides root
   * @return its path; empty when it could not be made, of which the log then tells
   */
  Optional<String> open(LeaseId lease, int uid);
}
