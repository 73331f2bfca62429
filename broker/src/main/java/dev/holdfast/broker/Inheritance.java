package dev.holdfast.broker;

import dev.holdfast.broker.control.HandedConnection;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Link;
import dev.holdfast.broker.survive.EntryText;
import dev.holdfast.broker.survive.Journal;
import dev.holdfast.broker.survive.UnreadableException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a broker begins with when another was there before it: what that one knew, and the
 * descriptors that there still are. Owns those until they are taken out of it; {@link #close}
 * closes the rest.
 */
final class Inheritance implements AutoCloseable {

  /** That of all that changes hands; a successor says which it can read. */
  static final int FORMAT = EntryText.FORMAT;

  /** A worker's process, and what it prints. */
  record WorkerProcess(Pidfd pidfd, Optional<OwnedFd> output) {}

  record NotifySocket(Path path, OwnedFd fd) {}

  /** What the worker of a service stored. */
  record Deposit(String service, String name, boolean watched, OwnedFd fd) {}

  /** A control connection. */
  record Peer(HandedConnection connection, OwnedFd fd) {}

  final boolean handedOver;
  final List<Entry> entries = new ArrayList<>();
  final List<Link> links = new ArrayList<>();
  final Map<Long, OwnedFd> sockets = new HashMap<>();
  final Map<Long, String> lost = new HashMap<>();
  final Map<LeaseId, Pidfd> leases = new LinkedHashMap<>();
  final Map<Long, WorkerProcess> workers = new LinkedHashMap<>();
  final Map<LeaseId, NotifySocket> notify = new LinkedHashMap<>();
  final Map<Long, OwnedFd> stored = new LinkedHashMap<>();
  final List<Deposit> deposits = new ArrayList<>();
  final List<Peer> peers = new ArrayList<>();

  /** What the journal said; nothing after a handover. */
  Journal.Content content = Journal.Content.NONE;

  /** Of a handover only. */
  @Nullable OwnedFd controlSocket;

  @Nullable JsonObject controlSocketData;
  @Nullable OwnedFd lock;

  Inheritance(boolean handedOver) {
    this.handedOver = handedOver;
  }

  /**
   * What a predecessor sent. Ownership of the descriptors moves in any case; what is not known is
   * closed.
   */
  static Inheritance of(List<HandoverItem> moved) throws IOException {
    Inheritance result = new Inheritance(true);
    Map<Long, OwnedFd> outputs = new HashMap<>();
    Map<Long, Pidfd> processes = new LinkedHashMap<>();
    int next = 0;
    boolean whole = false;
    try {
      for (; next < moved.size(); next++) {
        HandoverItem item = moved.get(next);
        JsonObject data = item.data();
        OwnedFd fd = item.fd();
        switch (item.kind()) {
          case HandoverItem.ENTRY -> result.entries.add(EntryText.read(data));
          case HandoverItem.LINK -> result.links.add(EntryText.readLink(data));
          case HandoverItem.CONTROL_SOCKET -> {
            result.controlSocket = required(fd, item);
            result.controlSocketData = data;
          }
          case HandoverItem.LOCK -> result.lock = required(fd, item);
          case HandoverItem.SOCKET -> result.sockets.put(data.integer("id"), required(fd, item));
          case HandoverItem.LEASE ->
              result.leases.put(new LeaseId(data.string("lease")), pidfd(fd, item));
          case HandoverItem.WORKER -> processes.put(data.integer("worker"), pidfd(fd, item));
          case HandoverItem.OUTPUT -> outputs.put(data.integer("worker"), required(fd, item));
          case HandoverItem.NOTIFY ->
              result.notify.put(
                  new LeaseId(data.string("lease")),
                  new NotifySocket(Path.of(data.string("path")), required(fd, item)));
          case HandoverItem.STORED -> result.stored.put(data.integer("id"), required(fd, item));
          case HandoverItem.DEPOSIT ->
              result.deposits.add(
                  new Deposit(
                      data.string("service"),
                      data.string("name"),
                      data.bool("watched"),
                      required(fd, item)));
          case HandoverItem.CONNECTION ->
              result.peers.add(new Peer(HandedConnection.read(data), required(fd, item)));
          default -> {
            if (fd != null) {
              fd.close();
            }
          }
        }
      }
      processes.forEach(
          (id, pidfd) ->
              result.workers.put(
                  id, new WorkerProcess(pidfd, Optional.ofNullable(outputs.remove(id)))));
      processes.clear();
      whole = true;
      return result;
    } catch (IllegalArgumentException | UnreadableException e) {
      throw new IOException(
          "the broker that is there sent what makes no sense: " + e.getMessage(), e);
    } finally {
      outputs.values().forEach(OwnedFd::close);
      processes.values().forEach(Pidfd::close);
      if (!whole) {
        Arrival.close(moved.subList(Math.min(next, moved.size()), moved.size()));
        result.close();
      }
    }
  }

  private static OwnedFd required(@Nullable OwnedFd fd, HandoverItem item) {
    if (fd == null) {
      throw new IllegalArgumentException(item.kind() + " without a descriptor");
    }
    return fd;
  }

  private static Pidfd pidfd(@Nullable OwnedFd fd, HandoverItem item) {
    return Pidfd.adopt(required(fd, item), Math.toIntExact(item.data().integer("pid")));
  }

  @Override
  public void close() {
    sockets.values().forEach(OwnedFd::close);
    leases.values().forEach(Pidfd::close);
    workers
        .values()
        .forEach(
            each -> {
              each.pidfd().close();
              each.output().ifPresent(OwnedFd::close);
            });
    notify.values().forEach(each -> each.fd().close());
    stored.values().forEach(OwnedFd::close);
    deposits.forEach(each -> each.fd().close());
    peers.forEach(each -> each.fd().close());
    sockets.clear();
    leases.clear();
    workers.clear();
    notify.clear();
    stored.clear();
    deposits.clear();
    peers.clear();
    for (OwnedFd fd : new OwnedFd[] {controlSocket, lock}) {
      if (fd != null) {
        fd.close();
      }
    }
    controlSocket = null;
    lock = null;
  }
}
