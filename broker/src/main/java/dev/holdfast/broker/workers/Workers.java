package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.WorkerExit;
import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.fd.Child;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Exec;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The processes of workers, from the order to the last of what they leave behind. Owns the
 * processes until they are reaped, and what services stored.
 *
 * <p>The thread {@code broker-loop} calls, and is never made to wait.
 */
public final class Workers implements AutoCloseable {

  /** What this floor stands on. */
  public interface Ground {

    /** Queues an event; on the loop's thread only. */
    void event(Event event);

    /** Has the loop's thread run something; from any thread. */
    void post(Runnable action);

    /** A listener's socket, borrowed. */
    Optional<OwnedFd> socket(long id);

    Instant now();

    /** How what a worker leaves behind is asked to finish, and when it is killed. */
    default ServiceConfig.Stopping stopping(String service) {
      return ServiceConfig.Stopping.DEFAULT;
    }

    /** Whether a worker that is adopted was to finish already: what it leaves behind is, too. */
    default boolean isToEnd(long worker) {
      return false;
    }
  }

  /**
   * A worker as a successor gets it. All is borrowed.
   *
   * @param output the reading end of what it prints; empty where that is a file
   */
  public record Handed(long worker, Pidfd process, Optional<OwnedFd> output) {}

  /**
   * What a service stored, as a successor gets it.
   *
   * @param watched whether it is dropped when its other end is gone
   * @param fd borrowed
   */
  public record HandedDeposit(String service, String name, boolean watched, OwnedFd fd) {}

  private static final int SIGKILL = 9;

  /** How soon a look is tried again that failed for want of descriptors. */
  private static final Duration AGAIN = Duration.ofMillis(100);

  private final Poller poller;
  private final Ground ground;
  private final NotifySockets notify;
  private final Outputs outputs;
  private final Observer observer;
  private final String controlSocket;
  private final OptionalLong openFiles;
  private final Spare spawner = new Spare("broker-spawner");
  // Of its own: an exit must not wait for a start on a slow disk.
  private final Spare looker = new Spare("broker-leftovers");
  private final Disposal disposal = new Disposal();
  private final Deposits deposits;
  private final Map<Long, Worker> workers = new HashMap<>();
  private final Map<LeaseId, Worker> byLease = new HashMap<>();
  private final Map<Integer, Worker> byPid = new HashMap<>();
  private final Set<Integer> notOurs = new HashSet<>(2); // children of the broker, by pid
  private @Nullable Map<String, byte[]> ownEnvironment;
  private int spawning;

  /**
   * Starts nothing yet.
   *
   * @param outputs owned from now on
   * @param observer finds the moment at which a worker can be asked to finish
   * @param controlSocket what HOLDFAST_SOCKET is to say
   * @param openFiles the soft limit of open files that the broker was started with, before its JVM
   *     raised it; empty: workers have the broker's
   */
  public Workers(
      Poller poller,
      Ground ground,
      NotifySockets notify,
      Outputs outputs,
      Observer observer,
      String controlSocket,
      OptionalLong openFiles) {
    this.poller = poller;
    this.ground = ground;
    this.notify = notify;
    this.outputs = outputs;
    this.observer = observer;
    this.controlSocket = controlSocket;
    this.openFiles = openFiles;
    deposits = new Deposits(poller, disposal);
    notify.tell(new Said());
  }

  // ---- the start

  /** Makes a process; tells {@link Event.Spawned} or {@link Event.SpawnFailed}. */
  public void spawn(WorkerOrder order) {
    Worker worker = new Worker(order);
    workers.put(order.worker(), worker);
    byLease.put(order.lease(), worker);
    WorkerStart start;
    try {
      start = prepare(order);
    } catch (IOException e) {
      cannotStart(worker, e);
      return;
    }
    spawning++;
    spawner.execute(
        () -> {
          try {
            WorkerStart.Waiting waiting = start.start();
            ground.post(() -> made(worker, waiting));
          } catch (IOException e) {
            ground.post(() -> notMade(worker, e));
          } catch (RuntimeException e) {
            IOException bug = new IOException("internal error, please report it: " + e, e);
            ground.post(() -> notMade(worker, bug));
          }
        });
  }

  private WorkerStart prepare(WorkerOrder order) throws IOException {
    Map<String, byte[]> own = ownEnvironment;
    if (own == null) {
      own = Exec.environment();
      ownEnvironment = own;
    }
    Account account = order.launch().account();
    String notifySocket =
        notify.open(order.lease(), account == null ? Limits.effectiveUid() : account.uid());
    List<Deposits.Deposit> stored = deposits.of(order.service());
    List<String> names = stored.stream().map(Deposits.Deposit::name).toList();
    WorkerEnvironment environment =
        WorkerEnvironment.of(
            own, order, new WorkerEnvironment.Start(names, notifySocket, controlSocket));
    return new WorkerStart(order, environment, copies(order, stored), openFiles, spawner);
  }

  /** Copies, since the listener may be closed before the process is made. */
  private List<OwnedFd> copies(WorkerOrder order, List<Deposits.Deposit> stored)
      throws IOException {
    List<OwnedFd> copies = new ArrayList<>();
    try {
      for (var passed : order.sockets()) {
        long id = passed.socket().id();
        OwnedFd socket =
            ground
                .socket(id)
                .orElseThrow(
                    () -> new IOException("listener " + passed.listener() + " was closed"));
        copies.add(socket.dup());
      }
      for (Deposits.Deposit deposit : stored) {
        copies.add(deposit.fd().dup());
      }
      return copies;
    } catch (IOException e) {
      copies.forEach(OwnedFd::close);
      throw e;
    }
  }

  private void notMade(Worker worker, IOException why) {
    spawnEnded();
    cannotStart(worker, why);
  }

  private void cannotStart(Worker worker, IOException why) {
    String reason =
        why instanceof ErrnoException failure ? SpawnTrouble.describe(failure) : why.getMessage();
    forget(worker);
    ground.event(new Event.SpawnFailed(worker.order.worker(), "cannot start it: " + reason));
  }

  private void spawnEnded() {
    spawning--;
    reapOrphans();
  }

  private void made(Worker worker, WorkerStart.Waiting waiting) {
    MainProcess process = MainProcess.of(waiting.child());
    worker.first = process;
    byPid.put(process.pid(), worker);
    spawnEnded();
    try {
      watch(worker, process);
    } catch (ErrnoException e) {
      waiting.go().close(); // so it ends
      OwnedFd output = waiting.output();
      if (output != null) {
        output.close();
      }
      byPid.remove(process.pid());
      process.letGo();
      cannotStart(worker, e);
      return;
    }
    worker.printed = printed(worker, waiting);
    ground.event(new Event.Spawned(worker.order.worker(), process.pid()));
    if (worker.isToEnd()) {
      waiting.go().close();
      if (worker.killed) {
        kill(worker);
      }
      return;
    }
    // The pipe has room, so the poller says so as soon as it is asked again: that is after the
    // event of now was applied, and what came of it performed.
    try {
      poller.add(waiting.go(), Poller.WRITABLE, (Watcher) ready -> go(worker, waiting.go()));
      worker.go = waiting.go();
    } catch (ErrnoException e) {
      waiting.go().close(); // so it ends
      warn(worker, "its program cannot be let run: " + e.getMessage());
    }
  }

  private Printed printed(Worker worker, WorkerStart.Waiting waiting) {
    FileTail tail = waiting.tail();
    OwnedFd output = waiting.output();
    if (tail != null) {
      return tail;
    }
    return output == null ? Printed.NOTHING : read(worker, waiting.child().pid(), output);
  }

  private Printed read(Worker worker, int pid, OwnedFd moved) {
    try {
      return outputs.read(worker.order.service() + "[" + pid + "]", moved);
    } catch (ErrnoException e) {
      moved.close();
      warn(worker, "what it prints is lost: " + e.getMessage());
      return Printed.NOTHING;
    }
  }

  private void go(Worker worker, OwnedFd go) {
    worker.go = null;
    try {
      int unused = go.writeNow(ByteBuffer.wrap(StartScript.go()));
    } catch (ErrnoException e) {
      // EPIPE: it was killed by somebody; its end is about to be told
    }
    closeGo(go);
  }

  /** A shell that waits for its go and finds the end of file exits. */
  private void closeGo(OwnedFd go) {
    poller.forget(go); // nobody else has this end: close(2) ends the watching
    go.close();
  }

  // ---- another life

  /**
   * Goes on with a worker that another broker had started, as if it were started here: its end is
   * told by {@link Event.Exited}, with {@link WorkerExit#UNKNOWN} where nobody knows how it ended.
   * Its notify socket is not opened by this.
   *
   * @param moved its main process, which may have ended
   * @param output the reading end of its pipe, non-blocking; moved. Empty where it is lost, or the
   *     order says that the worker writes to a file
   * @param thaw whether it is continued, with all that it started, if it is stopped: it is to
   *     finish, and the broker that wanted it to was killed
   */
  public void adopt(WorkerOrder order, Pidfd moved, Optional<OwnedFd> output, boolean thaw) {
    Worker worker = new Worker(order);
    MainProcess process = MainProcess.again(moved, groupOf(moved.pid()));
    worker.first = process;
    worker.printed = printed(worker, process.pid(), output);
    if (thaw || ground.isToEnd(order.worker())) {
      worker.stopSignal = ground.stopping(order.service()).signal();
    }
    workers.put(order.worker(), worker);
    byLease.put(order.lease(), worker);
    byPid.put(process.pid(), worker);
    try {
      watch(worker, process);
    } catch (ErrnoException e) {
      warn(worker, "it lives on, and cannot be followed: " + e.getMessage());
      ground.event(new Event.Exited(order.worker(), new WorkerExit(WorkerExit.UNKNOWN, 0, "")));
      worker.printed.gone();
      byPid.remove(process.pid());
      process.letGo();
      forget(worker);
      return;
    }
    if (thaw) {
      try {
        // By whom it is asked to finish: one that is still stopped then would get its signal at
        // once, and one that is continued meanwhile could take a connection just before it.
        observer.thaw(process.open(), process.group());
      } catch (ErrnoException e) {
        // ESRCH: as is about to be told
      }
    }
  }

  /** Of a process that is not our child; 0 for our own group, which must not be signalled. */
  private static int groupOf(int pid) {
    int own = ProcessFacts.of(Limits.processId()).map(ProcessFacts::group).orElse(0);
    int group = ProcessFacts.of(pid).map(ProcessFacts::group).orElse(0);
    return group == own ? 0 : group;
  }

  private Printed printed(Worker worker, int pid, Optional<OwnedFd> output) {
    if (output.isPresent()) {
      return read(worker, pid, output.get());
    }
    return worker.order.launch().output() instanceof Output.ToFile file
        ? FileTail.again(file.path(), spawner)
        : Printed.NOTHING;
  }

  /** Goes on with what a service stored. Ownership moves in any case. */
  public void adoptDeposit(String service, String name, boolean watched, OwnedFd moved) {
    boolean unused = deposits.keep(service, moved, name, watched, Integer.MAX_VALUE);
  }

  /**
   * Whether each worker is just a process that runs: none is being made or has ended, and none is
   * looked at. The loop has to be settled, too.
   */
  public boolean isQuiet() {
    return spawning == 0
        && workers.values().stream()
            .allMatch(each -> each.go == null && !each.looking && each.ended == null);
  }

  /** What a successor needs to {@link #adopt} them; call it when it {@link #isQuiet}. */
  public List<Handed> handOver() {
    List<Handed> all = new ArrayList<>();
    for (Worker worker : workers.values()) {
      MainProcess main = worker.main();
      Printed printed = worker.printed;
      if (main != null) {
        all.add(
            new Handed(
                worker.order.worker(),
                main.pidfd(),
                printed == null ? Optional.empty() : printed.source()));
      }
    }
    return all;
  }

  /** What a successor needs for {@link #adoptDeposit}; each service's in their order. */
  public List<HandedDeposit> deposits() {
    List<HandedDeposit> all = new ArrayList<>();
    deposits
        .all()
        .forEach(
            (service, stored) ->
                stored.forEach(
                    each ->
                        all.add(
                            new HandedDeposit(service, each.name(), each.watched(), each.fd()))));
    return all;
  }

  /** Closes our descriptors and nothing else: a successor has the workers. */
  public void letGo() {
    close();
  }

  // ---- the end

  private void watch(Worker worker, MainProcess process) throws ErrnoException {
    poller.add(process.fd(), Poller.READABLE, (Watcher) ready -> ended(worker, process));
    process.watched = true;
  }

  /** A pidfd is ours alone: close(2) ends the watching. */
  private void unwatch(MainProcess process) {
    if (process.watched) {
      process.watched = false;
      poller.forget(process.fd());
    }
  }

  /** The main process, or the one that was it, has ended. */
  private void ended(Worker worker, MainProcess process) {
    try {
      poller.remove(process.fd()); // it stays open, and readable
      process.watched = false;
    } catch (ErrnoException e) {
      warn(worker, e.getMessage());
    }
    if (process == worker.main()) {
      worker.ended = process.ended();
      look(worker);
    }
  }

  /** Finds out what lives of it. */
  private void look(Worker worker) {
    if (worker.looking) {
      return;
    }
    worker.looking = true;
    // A shell or a wrapper may leave the program behind; so does one that goes into the background.
    Child.@Nullable Ended ended = worker.ended;
    boolean succeeded = ended != null && ended.code() == 0 && ended.signal() == 0;
    boolean followers = succeeded && !worker.isToEnd() && !worker.told;
    var groups = worker.groups();
    looker.execute(
        () -> {
          Leftovers found = Leftovers.look(groups, worker.order.lease(), followers);
          ground.post(
              () -> {
                worker.looking = false;
                settle(worker, found);
              });
        });
  }

  private void settle(Worker worker, Leftovers found) {
    if (worker.ended == null || !workers.containsKey(worker.order.worker())) {
      return; // it has another main process meanwhile
    }
    if (!found.kin().isEmpty() && !worker.isToEnd() && !worker.told) {
      if (!follow(worker, found.kin().get(0))) {
        look(worker); // that one has ended as well
      }
      return;
    }
    if (found.members().isEmpty()) {
      if (worker.told) {
        finish(worker);
      } else {
        tell(worker, () -> finish(worker));
      }
      return;
    }
    if (!worker.isToEnd() && !worker.told) {
      tell(worker, () -> {});
    }
    end(worker, found.members());
    awaitEnd(worker, found.members().get(0));
  }

  /** Sees to it that what is left of a worker ends. */
  private void end(Worker worker, List<ProcessFacts> left) {
    MainProcess made = worker.first;
    if (made == null) {
      return;
    }
    if (worker.killed) {
      kill(worker);
    } else if (worker.stopSignal != 0) {
      for (ProcessFacts each : left) {
        if (worker.asked.add(each.pid())) {
          observer.stop(
              new LeftProcess(each), worker.stopSignal, sockets(worker), warning(worker), () -> {});
        }
      }
    } else if (!worker.lingering) {
      worker.lingering = true;
      ServiceConfig.Stopping stopping = ground.stopping(worker.order.service());
      worker.deadline = ground.now().plus(stopping.timeout());
      signalGroups(worker, stopping.signal());
    }
  }

  private void awaitEnd(Worker worker, ProcessFacts one) {
    if (worker.awaited != null) {
      return;
    }
    Pidfd opened = null;
    try {
      opened = one.open();
      Pidfd awaited = opened;
      poller.add(
          opened.fd(),
          Poller.READABLE,
          (Watcher)
              ready -> {
                stopAwaiting(worker, awaited);
                look(worker);
              });
      worker.awaited = opened;
    } catch (ErrnoException e) {
      if (opened != null) {
        opened.close();
      }
      if (e.is(Errno.ESRCH)) {
        look(worker);
      } else if (worker.deadline == null) {
        worker.deadline = ground.now().plus(AGAIN);
      }
    }
  }

  private void stopAwaiting(Worker worker, Pidfd awaited) {
    worker.awaited = null;
    poller.forget(awaited.fd());
    awaited.close();
  }

  /** Tells how it ended, with the last that it said and printed; then goes on. */
  private void tell(Worker worker, Runnable then) {
    worker.told = true;
    Child.@Nullable Ended ended = worker.ended;
    Printed printed = worker.printed;
    if (ended == null || printed == null) {
      return;
    }
    notify.hear(worker.order.lease());
    printed.last(
        text ->
            ground.post(
                () -> {
                  WorkerExit exit = new WorkerExit(ended.code(), ended.signal(), text);
                  ground.event(new Event.Exited(worker.order.worker(), exit));
                  then.run();
                }));
  }

  /** Nothing of it lives. */
  private void finish(Worker worker) {
    Printed printed = worker.printed;
    if (printed != null) {
      printed.gone();
    }
    release(worker.first);
    release(worker.second);
    forget(worker);
    reapOrphans(); // what it left behind
  }

  private void release(@Nullable MainProcess process) {
    if (process != null) {
      byPid.remove(process.pid());
      unwatch(process);
      process.release();
    }
  }

  private void forget(Worker worker) {
    Pidfd awaited = worker.awaited;
    if (awaited != null) {
      stopAwaiting(worker, awaited);
    }
    workers.remove(worker.order.worker());
    byLease.remove(worker.order.lease(), worker);
    notify.close(worker.order.lease());
  }

  // ---- another main process

  /** It has another main process from now on; false when that has ended already. */
  private boolean follow(Worker worker, ProcessFacts process) {
    Pidfd opened = null;
    try {
      opened = process.open();
      MainProcess follower = MainProcess.of(opened, groupOf(process.pid()));
      watch(worker, follower);
      MainProcess before = worker.second;
      worker.second = follower;
      worker.ended = null;
      if (before != null) {
        leave(worker, before);
      }
      byPid.put(follower.pid(), worker);
      ground.event(new Event.MainProcess(worker.order.worker(), follower.pid()));
      return true;
    } catch (ErrnoException e) {
      if (opened != null) {
        opened.close();
      }
      if (e.is(Errno.ESRCH)) {
        return false;
      }
      warn(worker, "cannot follow pid " + process.pid() + ": " + e.getMessage());
      tell(worker, () -> finish(worker));
      return true;
    }
  }

  private void leave(Worker worker, MainProcess follower) {
    byPid.remove(follower.pid(), worker);
    unwatch(follower);
    follower.letGo();
  }

  // ---- stopping

  /** Asks it to finish; it may be unborn. */
  public void stopWorker(long id, int signal) {
    Worker worker = workers.get(id);
    if (worker == null) {
      return;
    }
    worker.stopSignal = signal;
    MainProcess main = worker.main();
    OwnedFd go = worker.go;
    if (go != null) {
      worker.go = null;
      closeGo(go); // its program never ran
    } else if (main != null && worker.ended == null) {
      Event asked = new Event.Asked(worker.order.lease());
      observer.stop(main, signal, sockets(worker), warning(worker), () -> ground.event(asked));
    }
  }

  private List<OwnedFd> sockets(Worker worker) {
    return worker.order.sockets().stream()
        .map(passed -> ground.socket(passed.socket().id()))
        .flatMap(Optional::stream)
        .toList();
  }

  /** Kills it and all that it started; if it is unborn its program will not run. */
  public void killWorker(long id) {
    Worker worker = workers.get(id);
    if (worker == null) {
      return;
    }
    worker.killed = true;
    OwnedFd go = worker.go;
    if (go != null) {
      worker.go = null;
      closeGo(go);
    }
    kill(worker);
  }

  private void kill(Worker worker) {
    signalGroups(worker, SIGKILL);
    MainProcess main = worker.main();
    if (main != null) {
      LeaseId lease = worker.order.lease();
      looker.execute(() -> killKin(lease));
    }
  }

  private void signalGroups(Worker worker, int signal) {
    for (MainProcess each : new MainProcess[] {worker.first, worker.second}) {
      if (each != null) {
        try {
          each.signalGroup(signal);
        } catch (ErrnoException e) {
          if (!e.is(Errno.ESRCH)) {
            warn(worker, e.getMessage());
          }
        }
        if (!each.holdsGroup() && each.group() != 0) {
          looker.execute(() -> signalMembers(each.group(), signal));
        }
      }
    }
  }

  /**
   * The number of a group whose leader may be gone is not ours to keep, so each member is signalled
   * by what cannot mean another.
   */
  private static void signalMembers(int group, int signal) {
    for (ProcessFacts each : ProcessFacts.all()) {
      if (each.group() == group && each.isAlive()) {
        try {
          each.signal(signal);
        } catch (ErrnoException e) {
          return; // not permitted
        }
      }
    }
  }

  /** Those that have left its group, too. */
  private static void killKin(LeaseId lease) {
    for (int round = 0; round < 10; round++) {
      List<ProcessFacts> kin = Leftovers.look(Set.of(), lease, true).kin();
      if (kin.isEmpty()) {
        return;
      }
      for (ProcessFacts each : kin) {
        try {
          each.signal(SIGKILL);
        } catch (ErrnoException e) {
          return; // not permitted: another user's by now
        }
      }
    }
  }

  /** When {@link #expire} has something to do. */
  public Optional<Instant> nextDeadline() {
    Instant earliest = null;
    for (Worker worker : workers.values()) {
      Instant at = worker.deadline;
      if (at != null && (earliest == null || at.isBefore(earliest))) {
        earliest = at;
      }
    }
    return Optional.ofNullable(earliest);
  }

  /** Kills what should have ended by now. */
  public void expire(Instant now) {
    if (workers.isEmpty()) {
      return;
    }
    for (Worker worker : List.copyOf(workers.values())) {
      Instant at = worker.deadline;
      if (at != null && !at.isAfter(now)) {
        worker.deadline = null;
        worker.killed |= worker.lingering;
        look(worker);
      }
    }
  }

  // ---- what is asked

  /** Tells {@link Event.LastOutput}. */
  public void askOutput(long id) {
    Worker worker = workers.get(id);
    Printed printed = worker == null ? null : worker.printed;
    if (printed == null) {
      ground.event(new Event.LastOutput(id, ""));
    } else {
      printed.last(text -> ground.post(() -> ground.event(new Event.LastOutput(id, text))));
    }
  }

  /** The main process of a worker. */
  public OptionalInt pid(long id) {
    Worker worker = workers.get(id);
    MainProcess main = worker == null ? null : worker.main();
    return main == null ? OptionalInt.empty() : OptionalInt.of(main.pid());
  }

  /** Whether nothing of any worker is left, and none is being started. */
  boolean isEmpty() {
    return workers.isEmpty();
  }

  /** Whether it is a process of a worker, for this to reap, or somebody else's. */
  public boolean owns(int pid) {
    return byPid.containsKey(pid) || notOurs.contains(pid);
  }

  /** Somebody else is about to make a child; until {@link #leaveAlone} or {@link #noChild}. */
  public void awaitChild() {
    spawning++;
  }

  /** Leaves the child to whoever made it; until {@link #letReap}. */
  public void leaveAlone(int pid) {
    notOurs.add(pid);
    spawnEnded();
  }

  /** It was not made. */
  public void noChild() {
    spawnEnded();
  }

  /** Whoever made a child has reaped it. */
  public void letReap(int pid) {
    notOurs.remove(pid);
  }

  /**
   * Reaps those that became our children when their parents ended. Call it when SIGCHLD came.
   *
   * <p>Nothing is reaped while a process is being made: until that is known here, its pid looks
   * like an orphan's.
   */
  public void reapOrphans() {
    if (spawning == 0) {
      Orphans.reap(this::owns);
    }
  }

  /** Closes what the service stored. */
  public void forgetService(String service) {
    deposits.forget(service);
  }

  private void warn(Worker worker, @Nullable String message) {
    ground.event(
        new Event.Warned(
            worker.order.service(), "worker " + worker.order.worker() + ": " + message));
  }

  /** For what a worker can have us say as often as it likes. */
  private void warnOnce(Worker worker, String message) {
    if (worker.warned.add(message)) {
      warn(worker, message);
    }
  }

  /** For other threads. */
  private Consumer<String> warning(Worker worker) {
    return message -> ground.post(() -> warn(worker, message));
  }

  /** The workers live on. */
  @Override
  public void close() {
    deposits.close();
    for (Worker worker : workers.values()) {
      OwnedFd go = worker.go;
      if (go != null) {
        go.close();
      }
      Pidfd awaited = worker.awaited;
      if (awaited != null) {
        awaited.close();
      }
      for (MainProcess each : new MainProcess[] {worker.first, worker.second}) {
        if (each != null) {
          each.letGo();
        }
      }
    }
    workers.clear();
    byLease.clear();
    byPid.clear();
    outputs.close();
  }

  /** What workers say that is not for the state. */
  private final class Said implements NotifySockets.Supervision {

    @Override
    public void mainProcess(LeaseId lease, int pid) {
      Worker worker = byLease.get(lease);
      MainProcess main = worker == null ? null : worker.main();
      if (worker == null || main == null || main.pid() == pid || worker.told) {
        return;
      }
      ProcessFacts.of(pid)
          .filter(facts -> facts.isAlive() && isOf(worker, facts))
          .ifPresentOrElse(
              facts -> {
                if (!follow(worker, facts)) {
                  warnOnce(worker, "a MAINPID that it said has ended already");
                }
              },
              () ->
                  warnOnce(worker, "a MAINPID that it said is ignored: no process of this worker"));
    }

    /** In its group, or started by it, as far as that is still to be seen. */
    private boolean isOf(Worker worker, ProcessFacts process) {
      if (worker.groups().contains(process.group()) || process.has(worker.order.lease())) {
        return true;
      }
      Optional<ProcessFacts> parent = Optional.of(process);
      for (int i = 0; i < 32 && parent.isPresent(); i++) {
        if (byPid.get(parent.get().pid()) == worker) {
          return true;
        }
        parent = ProcessFacts.of(parent.get().parent());
      }
      return false;
    }

    @Override
    public void store(LeaseId lease, OwnedFd moved, String name, boolean watched) {
      Worker worker = byLease.get(lease);
      if (worker == null) {
        disposal.close(moved);
        return;
      }
      int most = worker.order.stored();
      if (!deposits.keep(worker.order.service(), moved, name, watched, most)) {
        warnOnce(worker, "FDSTORE=1 is refused: the service may store " + most + " descriptors");
      }
    }

    @Override
    public void remove(LeaseId lease, String name) {
      Worker worker = byLease.get(lease);
      if (worker != null) {
        deposits.remove(worker.order.service(), name);
      }
    }
  }
}
