package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.FakeWorld.require;

import dev.holdfast.listener.LeaseId;
import java.time.Duration;
import java.time.Instant;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * The processes of supervised workers, in memory. They say and do what programs do, at random; and
 * hold the broker to what may be done to a process that is there.
 */
final class FakeWorkers {

  /**
   * What tells versions of a program apart. The parts of a service's configuration that do not
   * stand in the order follow from it too, so that an order is enough to know them.
   */
  record Version(int number, Kind kind, int surge, Duration settle) {

    enum Kind {
      WORKS,
      NEVER_READY,
      DIES_AT_ONCE,
      LEAVES_AT_ONCE
    }

    Launch launch() {
      return Launch.of(
          List.of(
              String.valueOf(number),
              kind.name(),
              String.valueOf(surge),
              String.valueOf(settle.toMillis())));
    }

    static Version of(Launch launch) {
      List<String> words = launch.command();
      return new Version(
          Integer.parseInt(words.get(0)),
          Kind.valueOf(words.get(1)),
          Integer.parseInt(words.get(2)),
          Duration.ofMillis(Long.parseLong(words.get(3))));
    }

    boolean isBroken() {
      return kind != Kind.WORKS;
    }
  }

  /** A worker's process, from its order until the broker is told of its end. */
  static final class Program {
    final WorkerOrder order;
    final Version version;
    int pid;
    boolean made; // the effects of Spawned were performed
    boolean runs; // and the broker has written that down; and it has not ended
    boolean ended; // and the broker may not know yet
    boolean saidReady;
    boolean unheard; // it was ready while no broker was there, and does not say so again
    boolean leaves; // by itself
    boolean wanted; // it is to be asked, at a good moment
    boolean written; // and the broker has written that down
    boolean asked; // it has got its stop signal
    boolean frozen; // while the broker looks for that moment
    boolean followed = true; // by this broker
    boolean hangs;
    boolean condemned; // by this broker
    boolean killed;
    boolean immortal;
    boolean spawning; // told by an event which is on its way
    @Nullable Instant condemnedAt;
    @Nullable Instant readyAt;

    Program(WorkerOrder order) {
      this.order = order;
      this.version = Version.of(order.launch());
    }

    /** Whether it is killed, or will be as soon as it has a process. */
    boolean isDoomed() {
      return killed || condemnedAt != null;
    }

    /** Whether nobody needs to wait for its end any more. */
    boolean isAbandoned(Instant now) {
      Instant at = condemnedAt;
      return at != null && !at.plus(Services.UNKILLABLE).isAfter(now);
    }
  }

  final Map<Long, Program> processes = new LinkedHashMap<>();

  /** The newest order of each service. */
  final Map<String, WorkerOrder> newest = new HashMap<>();

  final Map<LeaseId, Integer> observed = new LinkedHashMap<>();

  /** When nothing fails by chance any more. */
  boolean calm;

  private final Deque<Event> events;
  private final SplittableRandom random;
  private Instant now = Instant.EPOCH;
  private int lastPid = 1_000_000;

  FakeWorkers(Deque<Event> events, SplittableRandom random) {
    this.events = events;
    this.random = random;
  }

  void clock(Instant moment) {
    now = moment;
  }

  private boolean now(int oneIn) {
    return !calm && random.nextInt(oneIn) == 0;
  }

  Program program(long worker) {
    return process(worker, "look at");
  }

  private Program process(long worker, String act) {
    Program process = processes.get(worker);
    if (process == null) {
      throw new IllegalStateException("broken: " + act + " a worker that is gone: " + worker);
    }
    return process;
  }

  boolean allFollowed() {
    return processes.values().stream().allMatch(each -> each.followed);
  }

  /** Whether its program holds what it was given. */
  boolean runs(long worker) {
    Program process = processes.get(worker);
    return process != null && process.runs && !process.ended;
  }

  /** Whether the broker knows of it, and has not killed it. */
  boolean isAlive(long worker) {
    Program process = processes.get(worker);
    return process != null && !process.isDoomed();
  }

  // ---- what the broker does to them

  void spawn(WorkerOrder order) {
    Program process = new Program(order);
    require(processes.put(order.worker(), process) == null, "a worker's number is given twice");
    newest.put(order.service(), order);
    if (calm || random.nextBoolean()) {
      make(process);
    }
  }

  private void make(Program process) {
    process.spawning = true;
    if (now(25)) {
      events.add(new Event.SpawnFailed(process.order.worker(), "EAGAIN"));
    } else {
      process.pid = ++lastPid;
      events.add(new Event.Spawned(process.order.worker(), process.pid));
    }
  }

  void stop(long worker, int signal) {
    Program process = process(worker, "ask to finish");
    require(signal > 0, "no signal");
    require(process.pid != 0, "a worker without a process is asked to finish");
    require(!process.wanted && !process.asked, "a worker is asked to finish once");
    require(!process.killed, "who was killed is asked to finish");
    process.wanted = true;
    process.hangs = process.hangs || now(5);
    if (now(2)) {
      signal(process);
    }
  }

  /** It gets its stop signal, and the broker knows it. */
  private void signal(Program process) {
    process.asked = true;
    process.frozen = false;
    if (!process.ended) {
      events.add(new Event.Asked(process.order.lease()));
    }
  }

  void kill(long worker) {
    Program process = process(worker, "kill");
    require(process.pid != 0, "a worker without a process is killed");
    require(!process.condemned, "a worker is killed once");
    process.condemned = true;
    process.killed = true;
    process.immortal = process.immortal || now(20);
    if (!process.ended && !process.immortal) {
      end(process, 0, 9);
    }
  }

  void askOutput(long worker) {
    Program process = process(worker, "ask for the output of");
    events.add(new Event.LastOutput(process.order.worker(), "the last line"));
  }

  void observe(LeaseId lease, int pid) {
    for (Program process : processes.values()) {
      if (process.order.lease().equals(lease)) {
        require(process.pid == pid, "the main process is looked at");
      }
    }
    observed.put(lease, pid);
  }

  void unobserve(LeaseId lease) {
    observed.remove(lease);
  }

  void forgetService(String service) {
    require(
        processes.values().stream().noneMatch(each -> each.order.service().equals(service)),
        "a service is forgotten with its last worker");
  }

  // ---- what the broker is told

  void telling(Event event) {
    if (event instanceof Event.SpawnFailed failed) {
      processes.remove(failed.worker());
    } else if (event instanceof Event.MainProcess main) {
      Program process = processes.get(main.worker());
      if (process != null) {
        process.pid = main.pid();
      }
    } else if (event instanceof Event.Exited exited) {
      processes.remove(exited.worker());
    }
  }

  void told(Event event) {
    if (event instanceof Event.Spawned spawned) {
      Program process = processes.get(spawned.worker());
      if (process != null && !process.ended) {
        process.made = true;
      }
    }
  }

  /** All that was told is written down: who waits to be let go runs its program. */
  void settled() {
    for (Program process : processes.values()) {
      process.runs = process.made && !process.ended;
      process.written = process.wanted;
    }
  }

  // ---- the end of a broker

  /** Whether some process is not made, or not let go. */
  boolean isSpawning() {
    return processes.values().stream().anyMatch(each -> !each.runs && !each.ended);
  }

  /**
   * The broker is killed: who was not let go ends, some others too, and nothing of that is told.
   *
   * @param known what the next broker knows of them, by number
   * @param asked the leases of those that it knows to have been asked
   * @param deadly whether some end that need not
   * @return those that live
   */
  Set<Long> crash(Map<Long, Entry.OfWorker> known, Set<LeaseId> asked, boolean deadly) {
    for (Program process : List.copyOf(processes.values())) {
      Entry.OfWorker entry = known.get(process.order.worker());
      boolean lives =
          process.runs && entry != null && entry.pid() == process.pid && !(deadly && now(4));
      if (lives && entry != null) {
        remember(process, entry, asked.contains(process.order.lease()));
      } else {
        processes.remove(process.order.worker());
      }
    }
    observed.clear();
    return Set.copyOf(processes.keySet());
  }

  /** A successor takes over: nobody ends. */
  Set<Long> handOver(Map<Long, Entry.OfWorker> known) {
    for (Program process : processes.values()) {
      Entry.OfWorker entry = known.get(process.order.worker());
      if (entry == null) {
        throw new IllegalStateException("broken: a worker is not handed over: " + process.order);
      }
      process.frozen = false;
      remember(process, entry, process.asked);
    }
    observed.clear();
    return Set.copyOf(processes.keySet());
  }

  private void remember(Program process, Entry.OfWorker entry, boolean asked) {
    process.followed = false;
    process.condemned = false;
    process.wanted = false;
    process.written = false;
    process.asked = asked;
    process.killed = entry.killed();
    if (!entry.killed()) {
      process.condemnedAt = null;
    } else if (!entry.abandoned()) {
      process.condemnedAt = now; // it is waited for anew
    }
    if (entry.state() == WorkerState.STARTING) {
      process.unheard = process.unheard || process.saidReady;
      process.saidReady = false;
      process.readyAt = null;
    }
  }

  /** The new broker follows one that lives. */
  void adopt(WorkerOrder order, boolean thaw) {
    Program process = process(order.worker(), "adopt");
    require(!process.followed, "a worker is adopted once");
    require(
        order.service().equals(process.order.service())
            && order.lease().equals(process.order.lease())
            && order.launch().equals(process.order.launch()),
        "a worker is what it was");
    require(thaw || !process.frozen, "a worker that may be frozen is thawed");
    process.followed = true;
    process.frozen = false;
  }

  // ---- what they do

  private void end(Program process, int code, int signal) {
    process.ended = true;
    process.runs = false;
    observed.remove(process.order.lease());
    events.add(
        new Event.Exited(
            process.order.worker(), new WorkerExit(code, signal, now(2) ? "" : "its last words")));
  }

  private void say(Program process, Notification said) {
    events.add(new Event.Notified(process.order.lease(), said));
  }

  private static Notification ready() {
    return new Notification(true, false, false, false, null, null);
  }

  private static Notification stopping() {
    return new Notification(false, true, false, false, null, null);
  }

  private static Notification alive() {
    return new Notification(false, false, true, false, null, null);
  }

  /** Anything that a program may do at any time. */
  void actAtRandom(Program process) {
    if (!process.spawning) {
      make(process);
    } else if (process.runs && process.wanted && !process.asked) {
      if (random.nextBoolean()) {
        signal(process);
      } else if (process.written) {
        process.frozen = true;
      }
    } else if (process.runs) {
      switch (random.nextInt(24)) {
        case 0 -> end(process, random.nextInt(2), 0);
        case 1 -> {
          events.add(new Event.MainProcess(process.order.worker(), ++lastPid));
          observed.remove(process.order.lease()); // what is looked at has ended
        }
        case 2 -> say(process, stopping());
        case 3 ->
            say(process, new Notification(false, false, false, random.nextInt(4) == 0, "s", null));
        case 4 -> {
          Duration more = Duration.ofMillis(random.nextInt(4_000));
          say(process, new Notification(false, false, false, false, null, more));
        }
        case 5, 6, 7 -> say(process, alive());
        default -> act(process);
      }
    }
  }

  /** What a program does next that does as it is supposed to, or that is broken in one way. */
  void act(Program process) {
    if (!process.spawning) {
      make(process);
    } else if (process.runs) {
      if (process.wanted && !process.asked) {
        signal(process);
      } else if (process.leaves || (process.asked && !process.hangs)) {
        end(process, 0, 0);
      } else if (process.version.kind() == Version.Kind.DIES_AT_ONCE) {
        end(process, 1, 0);
      } else if (process.version.kind() == Version.Kind.LEAVES_AT_ONCE) {
        process.leaves = true;
        say(process, stopping());
      } else if (process.version.kind() == Version.Kind.WORKS && !process.saidReady) {
        process.saidReady = true;
        if (observed.remove(process.order.lease()) != null) {
          events.add(new Event.Seen(process.order.lease()));
        } else if (!process.unheard) {
          say(process, ready());
        }
      }
    }
  }

  /** Whether it still has something to do before time has to go on. */
  boolean isBusy(Program process) {
    return !process.spawning
        || (process.runs
            && ((process.wanted && !process.asked)
                || (process.asked && !process.hangs)
                || process.version.kind() == Version.Kind.DIES_AT_ONCE
                || process.version.kind() == Version.Kind.LEAVES_AT_ONCE
                || (process.version.kind() == Version.Kind.WORKS && !process.saidReady)));
  }

  /** All that are watched say that they are alive. */
  void sayAlive() {
    for (Program process : List.copyOf(processes.values())) {
      if (process.runs && process.order.watchdog() != null) {
        say(process, alive());
      }
    }
  }

  void leaseReady(LeaseId lease) {
    for (Program process : processes.values()) {
      if (process.order.lease().equals(lease)) {
        process.readyAt = now;
      }
    }
  }

  /** It is to be killed, as soon as it has a process. */
  void condemned(LeaseId lease) {
    for (Program process : processes.values()) {
      if (process.order.lease().equals(lease)) {
        process.condemnedAt = now;
      }
    }
  }
}
