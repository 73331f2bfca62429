package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Hold;
import dev.holdfast.broker.core.LeaseState;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.fd.ProcessStart;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A search by a broker with fewer rights than its test has, for the socket that its arguments name:
 * endpoint, inode, cookie, and the pid of a lease. Writes why it was not found.
 */
final class WithoutRight {

  private WithoutRight() {}

  public static void main(String[] arguments) throws Exception {
    SocketProof proof =
        new SocketProof(Long.parseLong(arguments[1]), Long.parseLong(arguments[2]), null);
    Entry.OfListener listener =
        new Entry.OfListener(
            ListenerName.parse("web"),
            ListenerConfig.of(ListenSpec.parse("1")),
            true,
            new BoundSocket(1, arguments[0], SocketKind.STREAM, 1, proof),
            null,
            0,
            0,
            0);
    int pid = Integer.parseInt(arguments[3]);
    Caller caller = new Caller(1, pid, 0, 0, List.of());
    Entry.OfLease lease =
        new Entry.OfLease(
            new LeaseId("a"),
            new Event.Acquire(
                caller, List.of(listener.name()), Hold.PROCESS, null, false, false, 0),
            0,
            pid,
            LeaseState.READY,
            Optional.empty(),
            Instant.EPOCH,
            false);
    Map<Entry.Key, Long> started = Map.of(lease.key(), ProcessStart.ticks(pid));
    List<String> lines = new ArrayList<>();
    try (Recovery.Found found =
        Recovery.find(List.of(listener, lease), started, new ArrayList<>(), lines::add)) {
      System.out.println(found.lost().getOrDefault(1L, "found: " + lines));
    }
  }
}
