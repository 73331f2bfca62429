package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** A lease's own descriptors, and the name that the broker has for it. Any thread. */
final class HeldSockets implements AutoCloseable {

  private Grant grant; // guarded by this
  private boolean closed; // guarded by this

  HeldSockets(Grant moved) {
    grant = moved;
  }

  synchronized String lease() {
    return grant.lease();
  }

  synchronized List<LeasedSocket> sockets() {
    return grant.sockets();
  }

  /** A copy, owned by the caller. */
  synchronized OwnedFd copy(String listener) throws IOException {
    for (int i = 0; i < grant.sockets().size(); i++) {
      if (grant.sockets().get(i).listener().equals(listener)) {
        return grant.descriptors().get(i).dup();
      }
    }
    throw new IllegalArgumentException(
        "lease " + grant.lease() + " has no listener " + listener + "; it has " + grant.sockets());
  }

  /** Copies of these from here up to there, owned by the caller; none once it was closed. */
  synchronized List<OwnedFd> copies(int from, int to) throws IOException {
    List<OwnedFd> copies = new ArrayList<>();
    boolean complete = false;
    try {
      for (int i = from; i < to && !closed; i++) {
        copies.add(grant.descriptors().get(i).dup());
      }
      complete = true;
      return copies;
    } finally {
      if (!complete) {
        copies.forEach(OwnedFd::close);
      }
    }
  }

  /**
   * The same listeners under a new lease. Sockets that are the same ones stay as they are; another
   * one takes the place of what was there for copies that are made from now on.
   *
   * @return the names of the listeners that have another socket now
   */
  synchronized List<String> replace(Grant moved) throws IOException {
    List<LeasedSocket> sockets = new ArrayList<>(moved.sockets());
    List<OwnedFd> kept = new ArrayList<>(moved.descriptors());
    List<OwnedFd> leftOver = new ArrayList<>(grant.descriptors());
    List<String> changed = new ArrayList<>();
    for (int i = 0; i < kept.size(); i++) {
      String name = sockets.get(i).listener();
      int same = closed ? -1 : find(kept.get(i), leftOver);
      if (same >= 0) {
        OwnedFd present = leftOver.remove(same);
        kept.set(i, present);
        moved.descriptors().get(i).close();
      } else {
        changed.add(name);
      }
    }
    leftOver.forEach(OwnedFd::close);
    grant = new Grant(moved.lease(), sockets, kept);
    if (closed) {
      kept.forEach(OwnedFd::close);
    }
    return changed;
  }

  /** Compares by SO_COOKIE, which a socket has for itself. */
  private static int find(OwnedFd wanted, List<OwnedFd> among) throws IOException {
    long cookie = Sockets.facts(wanted).cookie();
    for (int i = 0; i < among.size(); i++) {
      if (Sockets.facts(among.get(i)).cookie() == cookie) {
        return i;
      }
    }
    return -1;
  }

  @Override
  public synchronized void close() {
    closed = true;
    grant.descriptors().forEach(OwnedFd::close);
  }

  @Override
  public synchronized String toString() {
    return "lease " + grant.lease() + " " + grant.sockets();
  }
}
