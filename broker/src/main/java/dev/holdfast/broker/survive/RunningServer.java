package dev.holdfast.broker.survive;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.ProcessStart;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.listener.Endpoint;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A server that is running and never heard of us, and the listener that is taken out of it
 * (pidfd_getfd(2)). The server sees nothing of that.
 */
public final class RunningServer {

  /**
   * What was found. All descriptors are the result's.
   *
   * @param socket the very socket that the server listens on
   * @param inode of the socket
   * @param nonBlocking O_NONBLOCK, as the server wants it
   * @param backlog the length of its accept queue that is in force; 0 where the kernel does not
   *     tell, as of a Unix socket
   * @param uid the rights of the process: the effective ids
   */
  public record Server(
      Pidfd pidfd,
      OwnedFd socket,
      SocketFacts facts,
      long inode,
      boolean nonBlocking,
      int backlog,
      int uid,
      int gid,
      List<Integer> groups)
      implements AutoCloseable {
    public Server {
      groups = List.copyOf(groups);
    }

    @Override
    public void close() {
      pidfd.close();
      socket.close();
    }
  }

  /** One socket of the process; it may be open under many numbers. */
  private record Listening(OwnedFd socket, SocketFacts facts, List<Integer> descriptors) {
    String describe() {
      return facts.address()
          + (descriptors.size() == 1 ? " (descriptor " : " (descriptors ")
          + descriptors.stream().map(String::valueOf).collect(Collectors.joining(", "))
          + ")";
    }
  }

  private final OtherProcess process;
  private final Pidfd pidfd;
  private final Map<Long, Listening> found = new TreeMap<>(); // by inode
  private @Nullable String denied;

  private RunningServer(OtherProcess process, Pidfd pidfd) {
    this.process = process;
    this.pidfd = pidfd;
  }

  /**
   * Takes the one listening stream socket, TCP or Unix, that fits. Takes as long as the process has
   * many descriptors: not for the loop's thread.
   *
   * @param port of the listener; empty: any, and Unix sockets too
   * @param endpoint its own address, as the wire writes it, or without {@code tcp:} or {@code
   *     unix:}; empty: any
   * @throws AdoptException where none or more than one fits, or a right is missing
   */
  public static Server look(int pid, OptionalInt port, Optional<String> endpoint)
      throws AdoptException {
    OtherProcess process = new OtherProcess(pid);
    if (pid == Limits.processId()) {
      throw new AdoptException("pid " + pid + " is this broker itself; its listeners are its own");
    }
    Optional<Endpoint> wanted = read(endpoint);
    Pidfd pidfd = open(pid);
    RunningServer server = new RunningServer(process, pidfd);
    Server result = null;
    try {
      result = server.look(port, wanted);
      return result;
    } catch (IOException e) {
      throw new AdoptException("look into " + process.describe() + ": " + e.getMessage());
    } finally {
      if (result == null) {
        pidfd.close();
      }
      for (Listening each : server.found.values()) {
        if (result == null || each.socket() != result.socket()) {
          each.socket().close();
        }
      }
    }
  }

  private static Optional<Endpoint> read(Optional<String> endpoint) throws AdoptException {
    if (endpoint.isEmpty()) {
      return Optional.empty();
    }
    String text = endpoint.get();
    boolean path = text.startsWith("/") || text.startsWith("@");
    boolean bare = !text.isEmpty() && "[0123456789".indexOf(text.charAt(0)) >= 0;
    try {
      return Optional.of(Endpoint.parse((path ? "unix:" : bare ? "tcp:" : "") + text));
    } catch (IllegalArgumentException e) {
      throw new AdoptException(String.valueOf(e.getMessage()));
    }
  }

  private static Pidfd open(int pid) throws AdoptException {
    try {
      return Pidfd.open(pid);
    } catch (ErrnoException e) {
      throw new AdoptException(
          switch (e.errno()) {
            case Errno.ESRCH, Errno.EINVAL ->
                "there is no process with pid "
                    + pid
                    + " (in a container it has another number outside than inside)";
            default -> String.valueOf(e.getMessage());
          });
    }
  }

  private Server look(OptionalInt port, Optional<Endpoint> endpoint)
      throws IOException, AdoptException {
    long ticks = ProcessStart.ticks(process.pid());
    collect();
    List<Listening> fitting =
        found.values().stream()
            .filter(each -> port.isEmpty() || isAt(each, port.getAsInt()))
            .filter(each -> endpoint.isEmpty() || isAt(each, endpoint.get()))
            .toList();
    if (fitting.size() != 1) {
      throw new AdoptException(
          fitting.isEmpty() ? nothing(port, endpoint) : ambiguous(fitting, port.isPresent()));
    }
    OtherProcess.Ids ids = process.ids().orElse(null);
    // What was read by number is of this very process only if it is the same before and after.
    if (ids == null
        || ticks == 0
        || ProcessStart.ticks(process.pid()) != ticks
        || pidfd.hasExited()) {
      throw new AdoptException("pid " + process.pid() + " ended while it was looked at");
    }
    Listening one = fitting.get(0);
    OwnedFd socket = one.socket();
    return new Server(
        pidfd,
        socket,
        one.facts(),
        Sockets.inode(socket),
        Sockets.isNonBlocking(socket),
        one.facts().isUnix() ? 0 : Sockets.acceptQueue(socket).limit(),
        ids.uid(),
        ids.gid(),
        ids.groups());
  }

  private void collect() throws IOException, AdoptException {
    Set<Long> listening = listening();
    try {
      process.sockets(
          (descriptor, inode) -> {
            if (listening.contains(inode)) {
              take(descriptor, inode);
            }
            return denied == null;
          });
    } catch (AccessDeniedException e) {
      throw new AdoptException(
          process.describe() + " may not be looked into: " + MissingRight.toLook(process));
    }
    if (denied != null) {
      throw new AdoptException(process.describe() + " may not be asked for it: " + denied);
    }
  }

  /** Of the process's network namespace, which may be another than ours. */
  private Set<Long> listening() throws IOException {
    return SocketTables.of(process).listening();
  }

  private void take(int descriptor, long inode) {
    Listening known = found.get(inode);
    if (known != null) {
      known.descriptors().add(descriptor);
      return;
    }
    try {
      OwnedFd socket = pidfd.dupOf(descriptor);
      try {
        SocketFacts facts = Sockets.facts(socket);
        if (facts.isStream() && facts.listening() && Sockets.inode(socket) == inode) {
          found.put(inode, new Listening(socket, facts, new ArrayList<>(List.of(descriptor))));
          return;
        }
      } catch (ErrnoException e) {
        // no socket any more
      }
      socket.close();
    } catch (ErrnoException e) {
      if (!e.is(Errno.EBADF) && !e.is(Errno.ESRCH)) {
        denied = MissingRight.toTake(process, e);
      }
    }
  }

  private static boolean isAt(Listening each, int port) {
    return !each.facts().isUnix() && each.facts().port() == port;
  }

  private static boolean isAt(Listening each, Endpoint endpoint) {
    try {
      return Endpoint.parse(each.facts().address()).equals(endpoint);
    } catch (IllegalArgumentException e) {
      return false; // a Unix socket without a name
    }
  }

  private String nothing(OptionalInt port, Optional<Endpoint> endpoint) {
    if (found.isEmpty()) {
      return process.describe()
          + " has no listening TCP or Unix stream socket; is the server another process, its child"
          + " or its parent?";
    }
    String asked = endpoint.isPresent() ? endpoint.get().toString() : "port " + port.orElse(0);
    return process.describe() + " does not listen on " + asked + " but on " + list(found.values());
  }

  private String ambiguous(List<Listening> fitting, boolean byPort) {
    String who = process.describe();
    long addresses = fitting.stream().map(each -> each.facts().address()).distinct().count();
    if (addresses < fitting.size()) {
      return who
          + " has different sockets at one address (SO_REUSEPORT), each with a queue of its own: "
          + list(fitting)
          + "; one of them cannot stand for all";
    }
    return who
        + " listens on "
        + list(fitting)
        + "; say which "
        + (byPort ? "with --endpoint" : "with --port or --endpoint");
  }

  private static String list(Iterable<Listening> all) {
    List<String> texts = new ArrayList<>();
    all.forEach(each -> texts.add(each.describe()));
    return String.join(", ", texts);
  }
}
