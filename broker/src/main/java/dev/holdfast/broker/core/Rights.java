package dev.holdfast.broker.core;

import java.util.List;

/** Who may do what. Denied by default; root and the broker's own uid may do everything. */
final class Rights {

  private final int ownUid;

  Rights(int ownUid) {
    this.ownUid = ownUid;
  }

  int ownUid() {
    return ownUid;
  }

  boolean isPrivileged(Caller caller) {
    return caller.uid() == 0 || caller.uid() == ownUid;
  }

  boolean allows(Caller caller, List<Principal> allowed) {
    if (isPrivileged(caller)) {
      return true;
    }
    for (Principal principal : allowed) {
      if (principal.matches(caller)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether the caller may speak for the lease: its process, another of the same user, or a
   * privileged one. Processes of another pid namespace all have the pid 0 (unix(7)), which proves
   * nothing.
   */
  boolean owns(Caller caller, Lease lease) {
    return isPrivileged(caller)
        || caller.uid() == lease.uid()
        || (caller.pid() > 0 && caller.pid() == lease.pid());
  }

  /** Whether the holder of a lease may have another lease drained, by replacing it. */
  boolean speaksFor(Lease lease, Lease other) {
    return lease.uid() == other.uid() || lease.uid() == 0 || lease.uid() == ownUid;
  }

  /** Whether the caller may do anything at all, which decides how long a frame we read from it. */
  boolean hasAny(Caller caller, BrokerConfig config) {
    if (allows(caller, config.control())
        || allows(caller, config.store())
        || allows(caller, config.retrieve())) {
      return true;
    }
    for (ListenerConfig listener : config.listeners().values()) {
      if (allows(caller, listener.allow())) {
        return true;
      }
    }
    return false;
  }
}
