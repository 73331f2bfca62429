package dev.holdfast.broker.workers;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Watcher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What the workers of services store (FDSTORE=1), for those that come after them. Owns it. The
 * loop's thread.
 */
final class Deposits implements AutoCloseable {

  /** A stored descriptor and its name; whether it goes when its other end does. */
  record Deposit(OwnedFd fd, String name, boolean watched) {}

  private final Map<String, List<Deposit>> byService = new HashMap<>();
  private final Poller poller;
  private final Disposal disposal;

  Deposits(Poller poller, Disposal disposal) {
    this.poller = poller;
    this.disposal = disposal;
  }

  /**
   * Keeps a descriptor, unless the same file is kept already. Ownership moves in any case.
   *
   * @param watched whether it is dropped when its other end is gone: a kept duplicate would hide
   *     from the worker's peer that the worker has closed it
   * @param most how many a service may have
   * @return false when it has too many
   */
  boolean keep(String service, OwnedFd moved, String name, boolean watched, int most) {
    List<Deposit> deposits = byService.getOrDefault(service, List.of());
    Optional<String> identity = identity(moved);
    if (identity.isPresent()
        && deposits.stream().anyMatch(each -> identity(each.fd()).equals(identity))) {
      disposal.close(moved);
      return true;
    }
    if (deposits.size() >= most) {
      disposal.close(moved);
      return false;
    }
    Deposit deposit = new Deposit(moved, name, watched);
    byService.computeIfAbsent(service, each -> new ArrayList<>()).add(deposit);
    if (watched) {
      try {
        poller.add(moved, 0, (Watcher) events -> drop(service, deposit)); // HUP and ERR come always
      } catch (ErrnoException e) {
        // EPERM: a file of which nothing can come
      }
    }
    return true;
  }

  private void drop(String service, Deposit deposit) {
    List<Deposit> deposits = byService.get(service);
    if (deposits != null && deposits.remove(deposit)) {
      close(deposit);
      if (deposits.isEmpty()) {
        byService.remove(service);
      }
    }
  }

  private void close(Deposit deposit) {
    try {
      poller.remove(deposit.fd()); // others hold the description: close(2) would not remove it
    } catch (ErrnoException e) {
      // ENOENT: it was not watched
    }
    disposal.close(deposit.fd());
  }

  void remove(String service, String name) {
    of(service).stream()
        .filter(each -> each.name().equals(name))
        .forEach(each -> drop(service, each));
  }

  /** Those of a service, the oldest first; still owned by this. */
  List<Deposit> of(String service) {
    return List.copyOf(byService.getOrDefault(service, List.of()));
  }

  /** Of all services; still owned by this. */
  Map<String, List<Deposit>> all() {
    return Map.copyOf(byService);
  }

  void forget(String service) {
    of(service).forEach(each -> drop(service, each));
  }

  /**
   * The same for descriptors of one open file description, and hardly ever for others; empty for
   * what cannot be told apart. Asks the kernel for nothing that a file system would have to answer.
   */
  private static Optional<String> identity(OwnedFd fd) {
    try {
      String file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd.number())).toString();
      if (file.startsWith("anon_inode:")) {
        return Optional.empty(); // all of a kind have one inode
      }
      return Optional.of(
          Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd.number())).stream()
              .filter(line -> line.matches("(pos|flags|mnt_id|ino):.*"))
              .collect(Collectors.joining(" ", file + " ", "")));
    } catch (IOException e) {
      return Optional.empty(); // no /proc
    }
  }

  @Override
  public void close() {
    List.copyOf(byService.keySet()).forEach(this::forget);
  }
}
