package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Hold;
import dev.holdfast.broker.core.Output;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.ProcessStart;
import dev.holdfast.fd.Sockets;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds again what a broker that is gone without a word had: the sockets of its listeners, and the
 * processes of its leases and workers. For one search, at the start.
 *
 * <p>A socket is looked for in systemd's store, in the processes that the journal names, and in all
 * others. A number in another process proves nothing: each candidate is taken, and then asked what
 * it is. A pid proves nothing either: it counts together with the start of its process.
 */
public final class Recovery {

  /** The highest number that is tried where a process's descriptors cannot be listed. */
  private static final int LAST_TRIED = 1023;

  /**
   * What there still is. All descriptors are the result's.
   *
   * @param sockets by number
   * @param lost why a socket was not found, by number; a sentence without a full stop
   * @param leases the processes of callers' leases that follow a process
   * @param workers by number; one that has ended may be among them, as long as nobody reaped it
   * @param deposits stored descriptors, by name
   */
  public record Found(
      Map<Long, OwnedFd> sockets,
      Map<Long, String> lost,
      Map<LeaseId, Pidfd> leases,
      Map<Long, FoundWorker> workers,
      Map<String, OwnedFd> deposits)
      implements AutoCloseable {

    /** Closes what was not moved out of the maps. */
    @Override
    public void close() {
      sockets.values().forEach(OwnedFd::close);
      leases.values().forEach(Pidfd::close);
      workers.values().forEach(FoundWorker::close);
      deposits.values().forEach(OwnedFd::close);
    }
  }

  /**
   * The process of a worker.
   *
   * @param output what it prints, non-blocking; empty when it goes to a file, or is not there
   */
  public record FoundWorker(Pidfd pidfd, Optional<OwnedFd> output) implements AutoCloseable {
    @Override
    public void close() {
      pidfd.close();
      output.ifPresent(OwnedFd::close);
    }
  }

  /**
   * A process that the journal names.
   *
   * @param started in clock ticks; 0 where /proc does not show it
   */
  private record Named(Pidfd pidfd, long started) {}

  private final Map<Entry.Key, Long> started;
  private final Consumer<String> lines;
  private final SocketSource source;
  private final Found found =
      new Found(
          new LinkedHashMap<>(),
          new LinkedHashMap<>(),
          new LinkedHashMap<>(),
          new LinkedHashMap<>(),
          new LinkedHashMap<>());
  private final Map<Long, ExpectedSocket> missing = new LinkedHashMap<>(); // by inode
  private final Map<Long, String> trouble = new HashMap<>(); // by inode: what was in the way
  private final Map<Integer, Named> named = new LinkedHashMap<>(); // by pid; null: there is none
  private int hidden; // processes that we may not look into
  private @Nullable OtherProcess firstHidden;

  private Recovery(Map<Entry.Key, Long> started, Consumer<String> lines, SocketSource source) {
    this.started = started;
    this.lines = lines;
    this.source = source;
  }

  /**
   * Searches. Blocks for a moment: milliseconds, more where a socket has to be looked for in every
   * process of the host.
   *
   * @param started the clock ticks at which the process of an entry began; without, it is not
   *     believed to be the same
   * @param passed what systemd passed; what is taken is removed from it
   * @param lines takes sentences for the log
   */
  public static Found find(
      List<Entry> entries,
      Map<Entry.Key, Long> started,
      List<SupervisorStore.Passed> passed,
      Consumer<String> lines) {
    return find(entries, started, passed, lines, Pidfd::dupOf);
  }

  static Found find(
      List<Entry> entries,
      Map<Entry.Key, Long> started,
      List<SupervisorStore.Passed> passed,
      Consumer<String> lines,
      SocketSource source) {
    Recovery recovery = new Recovery(started, lines, source);
    boolean done = false;
    try {
      recovery.find(entries, passed);
      done = true;
    } finally {
      recovery.named.values().forEach(each -> each.pidfd().close());
      if (!done) {
        recovery.found.close();
      }
    }
    return recovery.found;
  }

  private void find(List<Entry> entries, List<SupervisorStore.Passed> passed) {
    for (ExpectedSocket each : ExpectedSocket.of(entries)) {
      if (!takeStored(each, passed)) {
        expect(each);
      }
    }
    takeDeposits(entries, passed);
    followWorkers(entries);
    followLeases(entries);
    for (Named each : named.values()) {
      if (!missing.isEmpty()) {
        searchNamed(each);
      }
    }
    if (!missing.isEmpty()) {
      searchAll();
    }
    giveUp();
  }

  // ---- systemd's store

  private boolean takeStored(ExpectedSocket expected, List<SupervisorStore.Passed> passed) {
    boolean proved = expected.proof().cookie() != 0;
    for (Iterator<SupervisorStore.Passed> each = passed.iterator(); each.hasNext(); ) {
      SupervisorStore.Passed one = each.next();
      boolean named = one.name().equals(expected.storeName());
      if (!named && !proved) {
        continue;
      }
      Optional<String> difference = expected.difference(one.fd());
      if (difference.isEmpty()) {
        each.remove();
        found.sockets().put(expected.id(), one.fd());
        lines.accept(expected.describe() + ": from systemd's descriptor store");
        return true;
      }
      if (named) {
        lines.accept(
            expected.describe()
                + ": what systemd's descriptor store has as "
                + one.name()
                + " is not it: "
                + difference.get());
      }
    }
    return false;
  }

  private void takeDeposits(List<Entry> entries, List<SupervisorStore.Passed> passed) {
    for (Entry entry : entries) {
      if (entry instanceof Entry.OfDeposit deposit) {
        String name = SupervisorStore.stored(deposit.name());
        for (Iterator<SupervisorStore.Passed> each = passed.iterator(); each.hasNext(); ) {
          SupervisorStore.Passed one = each.next();
          if (one.name().equals(name)) {
            each.remove();
            found.deposits().put(deposit.name(), one.fd());
            break;
          }
        }
        if (!found.deposits().containsKey(deposit.name())) {
          lines.accept(
              "stored descriptor "
                  + deposit.name()
                  + " is lost: nobody but the broker had it, and systemd's descriptor store does"
                  + " not");
        }
      }
    }
  }

  private void expect(ExpectedSocket expected) {
    long inode = expected.proof().inode();
    if (inode == 0) {
      lose(expected, "the journal has nothing by which it could be known again");
    } else {
      missing.put(inode, expected);
    }
  }

  // ---- the processes

  private void followWorkers(List<Entry> entries) {
    for (Entry entry : entries) {
      if (entry instanceof Entry.OfWorker worker && worker.pid() > 0) {
        String what = "worker " + worker.worker() + " of " + worker.service();
        follow(worker.key(), worker.pid(), what)
            .ifPresent(pidfd -> found.workers().put(worker.worker(), withOutput(worker, pidfd)));
      }
    }
  }

  private void followLeases(List<Entry> entries) {
    for (Entry entry : entries) {
      if (entry instanceof Entry.OfLease lease && lease.worker() == 0 && lease.pid() > 0) {
        Optional<Pidfd> pidfd = follow(lease.key(), lease.pid(), "lease " + lease.lease());
        if (lease.request().hold() == Hold.PROCESS) {
          pidfd.ifPresent(one -> found.leases().put(lease.lease(), one));
        } else {
          pidfd.ifPresent(Pidfd::close); // only its sockets are of interest
        }
      }
    }
  }

  /** The process of an entry, if it is still the same; owned by the caller. */
  private Optional<Pidfd> follow(Entry.Key key, int pid, String what) {
    Named process = named.get(pid);
    if (process == null) {
      process = open(pid, what);
      if (process == null) {
        return Optional.empty();
      }
      named.put(pid, process);
    }
    long before = started.getOrDefault(key, 0L);
    if (before == 0 || process.started() == 0) {
      lines.accept(
          what
              + ": pid "
              + pid
              + (before == 0
                  ? " cannot be told from another process: the journal does not have its start"
                  : " cannot be looked at: /proc does not show it (hidepid, or not mounted)"));
      return Optional.empty();
    }
    if (before != process.started()) {
      lines.accept(what + ": pid " + pid + " is another process now; its own has ended");
      return Optional.empty();
    }
    try {
      return Optional.of(process.pidfd().dup());
    } catch (ErrnoException e) {
      lines.accept(what + ": pid " + pid + " cannot be followed: " + e.getMessage());
      return Optional.empty();
    }
  }

  private @Nullable Named open(int pid, String what) {
    try {
      Pidfd opened = Pidfd.open(pid);
      // After it was opened: so the start is that of the process which the pidfd means.
      long ticks = ProcessStart.ticks(pid);
      if (ticks == 0 && opened.hasExited()) {
        opened.close();
        return null;
      }
      return new Named(opened, ticks);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ESRCH)) {
        lines.accept(what + ": " + e.getMessage());
      }
      return null;
    }
  }

  private FoundWorker withOutput(Entry.OfWorker worker, Pidfd pidfd) {
    if (!(worker.config().launch().output() instanceof Output.Journal)) {
      return new FoundWorker(pidfd, Optional.empty());
    }
    try {
      return new FoundWorker(pidfd, WorkerOutput.find(pidfd, source));
    } catch (IOException e) {
      lines.accept(
          "worker "
              + worker.worker()
              + " of "
              + worker.service()
              + ": what it prints is not read any more: "
              + (e instanceof AccessDeniedException
                  ? MissingRight.toLook(new OtherProcess(pidfd.pid()))
                  : e.getMessage()));
      return new FoundWorker(pidfd, Optional.empty());
    }
  }

  // ---- the sockets in them

  private void searchNamed(Named each) {
    OtherProcess process = new OtherProcess(each.pidfd().pid());
    try {
      search(process, each.pidfd());
    } catch (AccessDeniedException e) {
      // With CAP_SYS_PTRACE alone its descriptors can be had, and not be listed.
      tryNumbers(process, each.pidfd());
    } catch (IOException e) {
      lines.accept("look into " + process.describe() + ": " + e.getMessage());
    }
  }

  private void searchAll() {
    int own = Limits.processId();
    try {
      for (OtherProcess process : OtherProcess.all()) {
        if (missing.isEmpty()) {
          return;
        }
        if (process.pid() != own && !named.containsKey(process.pid())) {
          try {
            search(process, null);
          } catch (AccessDeniedException e) {
            hide(process);
          }
        }
      }
    } catch (IOException e) {
      lines.accept("look for sockets in all processes: " + e.getMessage());
    }
  }

  private void hide(OtherProcess process) {
    hidden++;
    if (firstHidden == null) {
      firstHidden = process;
    }
  }

  /**
   * Looks through the descriptors of a process.
   *
   * @param known null: opened when something is found
   */
  private void search(OtherProcess process, @Nullable Pidfd known) throws IOException {
    process.sockets(
        (descriptor, inode) -> {
          ExpectedSocket expected = missing.get(inode);
          if (expected != null) {
            if (known != null) {
              take(process, known, descriptor, expected);
            } else {
              openAndTake(process, descriptor, expected);
            }
          }
          return !missing.isEmpty();
        });
  }

  private void openAndTake(OtherProcess process, int descriptor, ExpectedSocket expected) {
    // Should the pid be another's by now, so is the descriptor, and it will not be the right one.
    try (Pidfd pidfd = Pidfd.open(process.pid())) {
      take(process, pidfd, descriptor, expected);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ESRCH)) {
        trouble.putIfAbsent(expected.proof().inode(), String.valueOf(e.getMessage()));
      }
    }
  }

  private void take(OtherProcess process, Pidfd pidfd, int descriptor, ExpectedSocket expected) {
    OwnedFd taken;
    try {
      taken = source.take(pidfd, descriptor);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EBADF) && !e.is(Errno.ESRCH)) {
        trouble.put(
            expected.proof().inode(),
            process.describe()
                + " holds it and may not be asked for it: "
                + MissingRight.toTake(process, e));
      }
      return;
    }
    accept(process, descriptor, taken, expected);
  }

  /** Takes it or closes it. */
  private void accept(
      OtherProcess process, int descriptor, OwnedFd moved, ExpectedSocket expected) {
    Optional<String> difference = expected.difference(moved);
    if (difference.isPresent()) {
      moved.close();
      String where = "descriptor " + descriptor + " of " + process.describe();
      lines.accept(expected.describe() + ": " + where + " is not it: " + difference.get());
      trouble.putIfAbsent(expected.proof().inode(), where + " looked like it: " + difference.get());
      return;
    }
    missing.remove(expected.proof().inode());
    found.sockets().put(expected.id(), moved);
    lines.accept(
        expected.describe() + ": from " + process.describe() + ", descriptor " + descriptor);
  }

  private void tryNumbers(OtherProcess process, Pidfd pidfd) {
    Map<Long, ExpectedSocket> byCookie = new HashMap<>();
    missing.values().forEach(each -> byCookie.put(each.proof().cookie(), each));
    byCookie.remove(0L);
    for (int i = 0; i <= LAST_TRIED && !byCookie.isEmpty(); i++) {
      try {
        OwnedFd taken = source.take(pidfd, i);
        ExpectedSocket expected = byCookie.remove(cookie(taken));
        if (expected == null) {
          taken.close();
        } else {
          accept(process, i, taken, expected);
        }
      } catch (ErrnoException e) {
        if (!e.is(Errno.EBADF)) {
          hide(process);
          return;
        }
      }
    }
  }

  private static long cookie(OwnedFd borrowed) {
    try {
      return Sockets.facts(borrowed).cookie();
    } catch (ErrnoException e) {
      return 0; // no socket
    }
  }

  // ---- what was not found

  private void giveUp() {
    if (missing.isEmpty()) {
      return;
    }
    boolean sees = true;
    Set<Long> there = Set.of();
    try {
      there = SocketTables.ours().all();
    } catch (IOException e) {
      sees = false;
    }
    for (ExpectedSocket each : missing.values()) {
      boolean exists = there.contains(each.proof().inode());
      lose(each, reason(each, exists, sees && (exists || each.isShownByTables())));
    }
  }

  /**
   * Why a socket was not found.
   *
   * @param exists whether the kernel has it
   * @param known whether that is known
   */
  private String reason(ExpectedSocket expected, boolean exists, boolean known) {
    String inTheWay = trouble.get(expected.proof().inode());
    if (inTheWay != null) {
      return inTheWay;
    }
    if (known && !exists) {
      return "nobody holds it";
    }
    if (!Files.isDirectory(Path.of("/proc/self/fd"))) {
      return "/proc is not mounted, so nobody can be seen to hold it";
    }
    if (firstHidden != null) {
      return (exists ? "somebody holds it, but " : "nobody is seen to hold it, but ")
          + (hidden == 1
              ? firstHidden.describe() + " may not be looked into: "
              : hidden
                  + " processes may not be looked into, such as "
                  + firstHidden.describe()
                  + ": ")
          + MissingRight.toLook(firstHidden);
    }
    return exists
        ? "somebody holds it whom /proc does not show: in another pid namespace, or hidden by"
            + " hidepid"
        : "nobody is seen to hold it";
  }

  private void lose(ExpectedSocket expected, String why) {
    found.lost().put(expected.id(), why);
    lines.accept(expected.describe() + ": not found: " + why);
  }
}
