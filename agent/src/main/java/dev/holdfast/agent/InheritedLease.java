package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds the lease that the environment speaks of: HOLDFAST_LEASE, and LISTEN_FDS, LISTEN_PID and
 * LISTEN_FDNAMES as in sd_listen_fds(3).
 */
final class InheritedLease {

  private static final int FIRST = 3;
  private static final int MOST = 1024;

  private static @Nullable Lease found; // guarded by this class: descriptors are adopted once

  private InheritedLease() {}

  static synchronized Optional<Lease> get() throws IOException {
    if (found == null) {
      found = read(System.getenv(), ProcessHandle.current().pid(), FIRST).orElse(null);
    }
    return Optional.ofNullable(found);
  }

  /**
   * @param first the number of the first descriptor, 3 but for tests
   */
  static Optional<Lease> read(Map<String, String> environment, long pid, int first)
      throws IOException {
    String lease = environment.getOrDefault("HOLDFAST_LEASE", "");
    String count = environment.getOrDefault("LISTEN_FDS", "");
    if (lease.isEmpty() || count.isEmpty()) {
      return Optional.empty();
    }
    // Another pid: a wrapper has forked us, or our pid namespace is a new one, and all that was
    // passed is here. Else the variables were meant for a parent of ours, and 3 may be anything.
    String meantFor = environment.getOrDefault("LISTEN_PID", "");
    boolean ours = meantFor.isEmpty() || meantFor.equals(Long.toString(pid));
    if (!ours && !areServed(first, count(count))) {
      return Optional.empty();
    }
    String[] names = environment.getOrDefault("LISTEN_FDNAMES", "").split(":", -1);
    List<LeasedSocket> sockets = new ArrayList<>();
    List<OwnedFd> descriptors = new ArrayList<>();
    boolean complete = false;
    try {
      int descriptorCount = count(count);
      for (int i = 0; i < descriptorCount; i++) {
        OwnedFd fd = OwnedFd.adopt(first + i);
        descriptors.add(fd);
        SocketFacts facts = Sockets.facts(fd);
        String name = i < names.length && !names[i].isEmpty() ? names[i] : "unknown";
        sockets.add(new LeasedSocket(name, facts.address(), kind(facts), false));
      }
      BrokerCalls broker =
          new BrokerCalls(BrokerCalls.defaultAddress(environment), Acquisition.TIMEOUT);
      complete = true;
      return Optional.of(new Lease(new Grant(lease, sockets, descriptors), broker, null, ""));
    } catch (IOException e) {
      throw new IOException("inherit lease " + lease + " of HOLDFAST_LEASE: " + e.getMessage(), e);
    } finally {
      if (!complete) { // not ours after all: leave them open
        descriptors.forEach(OwnedFd::release);
      }
    }
  }

  /** Whether all of these are sockets as a listener has them, which is looked at in copies. */
  private static boolean areServed(int first, int count) {
    for (int i = 0; i < count; i++) {
      try (OwnedFd copy = OwnedFd.copyOf(first + i)) {
        SocketFacts facts = Sockets.facts(copy);
        if (!facts.listening() && !facts.isDatagram()) {
          return false;
        }
      } catch (IOException e) {
        return false; // EBADF, ENOTSOCK
      }
    }
    return true;
  }

  private static int count(String text) throws IOException {
    try {
      int value = Integer.parseInt(text);
      if (value >= 1 && value <= MOST) {
        return value;
      }
    } catch (NumberFormatException e) {
      throw new IOException("LISTEN_FDS is \"" + text + "\", which is no number", e);
    }
    throw new IOException("LISTEN_FDS is " + text + "; 1 to " + MOST + " make sense");
  }

  private static String kind(SocketFacts facts) {
    return facts.isStream() ? "stream" : facts.isDatagram() ? "datagram" : "seqpacket";
  }
}
