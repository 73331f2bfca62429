package dev.holdfast.broker.survive;

import dev.holdfast.listener.Endpoint;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Who holds a socket, for messages: {@code pid 123 (nginx)}. Looks into every process that it may,
 * which takes milliseconds: only for what has gone wrong. Any thread.
 */
public final class SocketHolders {

  private static final int NAMED = 3;

  private SocketHolders() {}

  /** Who holds the socket with this inode; empty when nobody can be seen to. */
  public static Optional<String> describe(long inode) {
    return describe(Set.of(inode));
  }

  /**
   * Who is in the way of a socket at an endpoint. Empty when nobody is; where somebody is who
   * cannot be seen, it says that.
   *
   * @param endpoint as the wire writes it
   */
  public static Optional<String> ofEndpoint(String endpoint) {
    Set<Long> inodes;
    try {
      inodes = SocketTables.ours().at(Endpoint.parse(endpoint));
    } catch (IOException | IllegalArgumentException e) {
      return Optional.empty();
    }
    if (inodes.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        describe(inodes)
            .orElse(
                "a process that cannot be seen from here (of another user, or in another pid"
                    + " namespace)"));
  }

  private static Optional<String> describe(Set<Long> inodes) {
    List<OtherProcess> holders = new ArrayList<>();
    try {
      for (OtherProcess process : OtherProcess.all()) {
        if (holds(process, inodes)) {
          holders.add(process);
        }
      }
    } catch (IOException e) {
      // no /proc
    }
    if (holders.isEmpty()) {
      return Optional.empty();
    }
    List<String> named = holders.stream().limit(NAMED).map(OtherProcess::describe).toList();
    int more = holders.size() - named.size();
    return Optional.of(String.join(", ", named) + (more == 0 ? "" : " and " + more + " more"));
  }

  private static boolean holds(OtherProcess process, Set<Long> inodes) {
    boolean[] found = {false};
    try {
      process.sockets(
          (descriptor, inode) -> {
            found[0] = inodes.contains(inode);
            return !found[0];
          });
    } catch (IOException e) {
      // not ours to look into
    }
    return found[0];
  }
}
