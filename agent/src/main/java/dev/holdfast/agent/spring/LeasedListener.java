package dev.holdfast.agent.spring;

import dev.holdfast.agent.Lease;

/** Which listener the application's web server accepts on; the lease stays its own bean's. */
record LeasedListener(Lease lease, String name) {

  /** What could not be done, for the reader of the application's log. */
  String attempt(String server) {
    return "put " + server + " on listener " + name;
  }
}
