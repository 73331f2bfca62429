package dev.holdfast.broker.survive;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.Supervisor;
import dev.holdfast.listener.Endpoint;
import dev.holdfast.listener.Host;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.listener.PortChoice;
import dev.holdfast.listener.UnixEndpoint;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * systemd's file descriptor store (sd_notify(3), FDSTORE=1): what is in it outlives this process,
 * and comes back at the next start as sockets of a .socket unit come (sd_listen_fds(3)).
 *
 * <p>How many it keeps is FileDescriptorStoreMax= of the unit, 0 unless set; what is too much is
 * dropped without a word. Used by the loop's thread.
 */
public final class SupervisorStore {

  private static final int FIRST = 3; // SD_LISTEN_FDS_START
  private static final int MOST = 1 << 20;
  private static final Pattern NAME = Pattern.compile("[ -9;-~]{1,255}"); // all but the colon

  /** Of the loop, which serves nobody meanwhile. */
  private static final Duration PATIENCE = Duration.ofMillis(200);

  /** A descriptor that was passed at the start, and whose it is until somebody takes it. */
  public record Passed(String name, OwnedFd fd) implements AutoCloseable {
    @Override
    public void close() {
      fd.close();
    }
  }

  private final String address;
  private final Consumer<String> lines;
  private boolean warned;

  /**
   * A way to the store.
   *
   * @param address the value of NOTIFY_SOCKET; empty: there is no store, and nothing is done
   * @param lines takes sentences for the log
   */
  public SupervisorStore(String address, Consumer<String> lines) {
    this.address = address;
    this.lines = lines;
  }

  /** Whether there may be one. */
  public boolean isPresent() {
    return !address.isEmpty();
  }

  public static String listener(ListenerName name) {
    return "listener-" + name;
  }

  public static String companion(ListenerName name) {
    return "companion-" + name;
  }

  public static String stored(String name) {
    return "stored-" + name;
  }

  /**
   * Takes the descriptors that were passed to this process, close-on-exec from now on. At the start
   * only, once.
   *
   * @param environment of this process
   * @param pid of this process: descriptors for another are left alone
   * @return a list that can be changed: who takes a descriptor removes it, and what is left is the
   *     caller's to close
   */
  public static List<Passed> take(Map<String, String> environment, int pid) {
    List<Passed> result = new ArrayList<>();
    String count = environment.getOrDefault("LISTEN_FDS", "");
    if (!environment.getOrDefault("LISTEN_PID", "").equals(Integer.toString(pid))
        || count.length() > 7
        || !count.matches("[0-9]+")) {
      return result;
    }
    String[] names = environment.getOrDefault("LISTEN_FDNAMES", "").split(":", -1);
    int end = Math.min(MOST, Integer.parseInt(count));
    for (int i = 0; i < end; i++) {
      String name = i < names.length && !names[i].isEmpty() ? names[i] : "unknown";
      try {
        result.add(new Passed(name, OwnedFd.adopt(FIRST + i)));
      } catch (ErrnoException e) {
        // EBADF: whoever started us counted wrong
      }
    }
    return result;
  }

  /**
   * Takes a socket out of what was passed that a .socket unit has bound where a listener shall be,
   * whatever its name. One that does not listen, and could, is left there.
   */
  public static Optional<OwnedFd> matching(List<Passed> passed, Endpoint endpoint) {
    for (Iterator<Passed> each = passed.iterator(); each.hasNext(); ) {
      Passed one = each.next();
      if (isAt(one.fd(), endpoint)) {
        each.remove();
        return Optional.of(one.fd());
      }
    }
    return Optional.empty();
  }

  /**
   * The same for what a user wrote: one port by number, on all interfaces or on one address, or a
   * Unix address. Other specs do not say where the socket would be.
   */
  public static Optional<OwnedFd> matching(List<Passed> passed, ListenSpec spec) {
    for (Endpoint each : endpoints(spec)) {
      Optional<OwnedFd> found = matching(passed, each);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  private static List<Endpoint> endpoints(ListenSpec spec) {
    if (spec instanceof ListenSpec.Unix unix) {
      return List.of(new UnixEndpoint(unix.transport(), unix.address()));
    }
    if (!(spec instanceof ListenSpec.Inet inet)
        || inet.reusePort()
        || !(inet.ports() instanceof PortChoice.Fixed port)) {
      return List.of();
    }
    String scheme = inet.transport().scheme() + ":";
    if (inet.host() instanceof Host.Any) {
      // systemd binds a port without an address to IPv6, where there is any.
      return List.of(
          Endpoint.parse(scheme + "[::]:" + port), Endpoint.parse(scheme + "0.0.0.0:" + port));
    }
    if (inet.host() instanceof Host.Ipv4
        || (inet.host() instanceof Host.Ipv6 six && six.scope().isEmpty())) {
      return List.of(Endpoint.parse(scheme + inet.host() + ":" + port));
    }
    return List.of();
  }

  private static boolean isAt(OwnedFd fd, Endpoint endpoint) {
    try {
      SocketFacts facts = Sockets.facts(fd);
      // The transport is in the address: it says what type the socket is.
      return Endpoint.parse(facts.address()).equals(endpoint)
          && (facts.listening() || facts.isDatagram());
    } catch (ErrnoException | IllegalArgumentException e) {
      return false; // no socket, or one without an address
    }
  }

  /**
   * Has the store keep another descriptor of the borrowed one; a name may have several. Waits a
   * moment for a supervisor whose queue is full, unless it has just been waited for in vain: what
   * it does not take is not kept.
   */
  public void keep(String name, OwnedFd borrowed) {
    // FDPOLL=0: else systemd would drop a listener that somebody shut down for a moment.
    tell("FDSTORE=1\nFDPOLL=0\nFDNAME=", name, borrowed);
  }

  /** Has the store close what it keeps under the name. */
  public void remove(String name) {
    tell("FDSTOREREMOVE=1\nFDNAME=", name, null);
  }

  private void tell(String line, String name, @org.jspecify.annotations.Nullable OwnedFd borrowed) {
    if (address.isEmpty()) {
      return;
    }
    Duration patience = warned ? Duration.ZERO : PATIENCE;
    try {
      if (!NAME.matcher(name).matches()) {
        throw new IllegalArgumentException("\"" + name + "\" is no name for it");
      }
      if (borrowed == null) {
        Supervisor.tell(address, line + name, patience);
      } else {
        Supervisor.tell(address, line + name, borrowed, patience);
      }
      warned = false;
    } catch (ErrnoException | IllegalArgumentException e) {
      if (!warned) {
        warned = true;
        lines.accept(
            "systemd's descriptor store may not have "
                + name
                + ": "
                + e.getMessage()
                + "; after a crash it is looked for among the workers");
      }
    }
  }
}
