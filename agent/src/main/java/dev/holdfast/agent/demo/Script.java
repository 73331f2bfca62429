package dev.holdfast.agent.demo;

import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toSet;

import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BooleanSupplier;

/** What happens, and when. Waits for events: answers, ends of processes, the load's progress. */
final class Script {

  /** A worker is ready when it was seen to answer; on a busy machine a JVM takes its time. */
  private static final Duration PATIENCE = Duration.ofSeconds(40);

  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(25);
  private static final int PROGRAMS = 2;

  private final DemoPlan plan;
  private final Stage stage;
  private final View view;
  private final Interruption interruption;
  private final List<Worker> workers = new ArrayList<>();
  private final List<String> events = new ArrayList<>();

  Script(DemoPlan plan, Stage stage, View view, Interruption interruption) {
    this.plan = plan;
    this.stage = stage;
    this.view = view;
    this.interruption = interruption;
  }

  DemoReport play() throws DemoException {
    Operator operator = new Operator(stage.socket());
    Child broker = stage.startBroker();
    List<Language.Interpreter> languages = Language.found(PROGRAMS);
    int port = awaitPort(operator, broker);
    say("holdfastd (pid " + broker.pid() + ") listens on 127.0.0.1:" + port);
    LoadPlan load =
        LoadPlan.against(new InetSocketAddress("127.0.0.1", port))
            .withConcurrency(plan.inFlight())
            .withTimeouts(PATIENCE, PATIENCE);
    startWorkers(languages);
    Worker first = workers.get(0);
    Worker victim = workers.get(2);
    awaitAll(load);
    say("all four answer; " + plan.inFlight() + " connections in flight from now on");
    Optional<KernelCounters> before = counters();
    try (LoadGenerator generator = start(load)) {
      awaitMoment(generator, 1);
      kill(generator, victim, languages);
      awaitMoment(generator, 2);
      restart(generator, operator, first);
      awaitMoment(generator, 3);
      DemoReport.Recovery recovery = killBroker(generator, operator, broker, port);
      awaitMoment(generator, 4);
      generator.stop();
      until(generator, "the last connections end", () -> generator.snapshot().over());
      LoadReport done = generator.snapshot();
      view.end(scene(done));
      return report(done, before, recovery);
    }
  }

  private void startWorkers(List<Language.Interpreter> languages) throws DemoException {
    workers.add(stage.startJava());
    workers.add(stage.startJava());
    for (int i = 0; i < PROGRAMS; i++) {
      // With one language, two of it.
      workers.add(
          languages.isEmpty()
              ? stage.startJava()
              : stage.startProgram(languages.get(i % languages.size())));
    }
    if (languages.isEmpty()) {
      say("neither python3, node nor perl runs here: four JVMs instead of two and two others");
    }
    say("starting four workers: " + String.join(", ", workers.stream().map(Worker::name).toList()));
  }

  private int awaitPort(Operator operator, Child broker) throws DemoException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      var port = operator.port(Stage.LISTENER);
      if (port.isPresent()) {
        return port.getAsInt();
      }
      interruption.pause(BETWEEN_LOOKS);
      if (!broker.isAlive()) {
        throw broker.failure("ended with " + broker.exitCode() + " before it answered");
      }
      if (System.nanoTime() > deadline) {
        throw broker.failure("did not answer within " + PATIENCE.toSeconds() + " s");
      }
    }
  }

  /** A load that is not counted: connections wait in the queue until the first worker is there. */
  private void awaitAll(LoadPlan load) throws DemoException {
    try (LoadGenerator warmUp = start(load)) {
      for (Worker worker : workers) {
        awaitAnswer(warmUp, worker, scene -> {});
      }
      warmUp.stop();
      until(warmUp, "the first connections end", () -> warmUp.snapshot().over(), scene -> {});
    }
  }

  private void kill(LoadGenerator load, Worker victim, List<Language.Interpreter> languages)
      throws DemoException {
    victim.killNow();
    Worker replacement =
        languages.isEmpty() ? stage.startJava() : stage.startProgram(languages.get(0));
    workers.add(replacement);
    say(
        "killed "
            + victim.name()
            + " (pid "
            + victim.child().pid()
            + ") with -9; "
            + replacement.name()
            + " starts in its place");
    awaitAnswer(load, replacement, view::show);
    say(replacement.name() + " serves");
  }

  private void restart(LoadGenerator load, Operator operator, Worker old) throws DemoException {
    Worker successor = stage.startJava();
    workers.add(successor);
    say(old.name() + " is to be restarted: " + successor.name() + " starts beside it");
    awaitAnswer(load, successor, view::show);
    String lease =
        operator
            .leaseOf(old.child().pid())
            .orElseThrow(() -> old.child().failure("has no lease at the broker"));
    old.ended("drained");
    say(successor.name() + " serves; holdfast drain " + lease + ": " + old.name() + " drains");
    Child drain = stage.startCommand("drain", lease, "--deadline", PATIENCE.toSeconds() + "s");
    until(load, "holdfast drain ends", () -> !drain.isAlive());
    if (drain.exitCode() != 0) {
      throw drain.failure("ended with " + drain.exitCode());
    }
    until(load, old.name() + " ends after it was drained", () -> !old.child().isAlive());
    if (old.child().exitCode() != 0) {
      throw old.child().failure("was drained, and ended with " + old.child().exitCode());
    }
    say(old.name() + " answered what it had accepted, and ended");
  }

  /** The last act: the one that holds it all dies, and those that serve do not notice. */
  private DemoReport.Recovery killBroker(
      LoadGenerator load, Operator operator, Child broker, int port) throws DemoException {
    OptionalLong inode = ListeningSocket.inode(port);
    List<Worker> serving = workers.stream().filter(worker -> worker.end().isEmpty()).toList();
    Set<Long> pids = serving.stream().map(worker -> worker.child().pid()).collect(toSet());
    broker.kill();
    say(
        "killed holdfastd (pid "
            + broker.pid()
            + ") with -9; "
            + pids.size()
            + " workers serve on");
    long served = load.snapshot().served();
    until(load, "connections are served without a broker", () -> servedSince(load, served));
    long began = System.nanoTime();
    Child successor = stage.startBroker();
    int found = awaitPort(operator, successor);
    if (found != port) {
      throw successor.failure("listens on port " + found + " instead of " + port);
    }
    awaitLeases(operator, successor, pids);
    Duration took = Duration.ofNanos(System.nanoTime() - began);
    if (!inode.equals(ListeningSocket.inode(port))) {
      throw successor.failure("has another socket on port " + port + " than there was");
    }
    if (inode.isPresent() && !ListeningSocket.isHeldBy(successor.pid(), inode.getAsLong())) {
      throw successor.failure("does not hold the listener (inode " + inode.getAsLong() + ")");
    }
    say(
        "started it again (pid "
            + successor.pid()
            + "): "
            + (inode.isPresent()
                ? "the same listener (inode " + inode.getAsLong() + ")"
                : "same port")
            + ", the same workers (pids "
            + pids.stream().sorted().map(String::valueOf).collect(joining(", "))
            + ")");
    long again = load.snapshot().served();
    until(load, "connections are served with the new broker", () -> servedSince(load, again));
    return new DemoReport.Recovery(
        broker.pid(), successor.pid(), inode.orElse(0), pids.stream().sorted().toList(), took);
  }

  /** So many that each of those which were under way has had its turn. */
  private boolean servedSince(LoadGenerator load, long before) {
    return load.snapshot().served() - before > 4L * plan.inFlight();
  }

  private void awaitLeases(Operator operator, Child broker, Set<Long> pids) throws DemoException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!operator.holders().containsAll(pids)) {
      interruption.pause(BETWEEN_LOOKS);
      checkWorkers();
      if (!broker.isAlive()) {
        throw broker.failure("ended with " + broker.exitCode());
      }
      if (System.nanoTime() > deadline) {
        throw broker.failure("did not find the workers' leases again");
      }
    }
  }

  private void awaitMoment(LoadGenerator load, int quarters) throws DemoException {
    Duration moment = plan.lasting().multipliedBy(quarters).dividedBy(4);
    until(load, "the load goes on", () -> elapsed(load).compareTo(moment) >= 0);
  }

  private void awaitAnswer(LoadGenerator load, Worker worker, Showing showing)
      throws DemoException {
    until(
        load,
        worker.name() + " answers",
        () -> load.snapshot().byWorker().containsKey(worker.name()),
        showing);
  }

  /** What is done at each look. */
  private interface Showing {
    void show(Scene scene);
  }

  private void until(LoadGenerator load, String what, BooleanSupplier holds) throws DemoException {
    until(load, what, holds, view::show);
  }

  private void until(LoadGenerator load, String what, BooleanSupplier holds, Showing showing)
      throws DemoException {
    long deadline = System.nanoTime() + plan.lasting().plus(PATIENCE).toNanos();
    while (!holds.getAsBoolean()) {
      interruption.pause(BETWEEN_LOOKS);
      checkWorkers();
      showing.show(scene(load.snapshot()));
      if (System.nanoTime() > deadline) {
        throw failure("waited in vain until " + what);
      }
    }
  }

  /** None may end that was not told to. */
  private void checkWorkers() throws DemoException {
    for (Worker worker : workers) {
      if (worker.end().isEmpty() && !worker.child().isAlive()) {
        // Ctrl-C reaches the workers too, and may have reached them first.
        interruption.pause(Duration.ofMillis(300));
        throw worker.child().failure("ended by itself with " + worker.child().exitCode());
      }
    }
  }

  private DemoException failure(String what) {
    // Whoever it was that did not do it, the newest is the likeliest.
    return new DemoException(what, workers.get(workers.size() - 1).child().failure("").details());
  }

  private DemoReport report(
      LoadReport load, Optional<KernelCounters> before, DemoReport.Recovery recovery)
      throws DemoException {
    Optional<KernelCounters> grown =
        before.flatMap(earlier -> counters().map(now -> now.since(earlier)));
    List<DemoReport.Server> servers = new ArrayList<>();
    for (Worker worker : workers) {
      servers.add(
          new DemoReport.Server(
              worker.name(),
              worker.program(),
              worker.child().pid(),
              load.byWorker().getOrDefault(worker.name(), 0L),
              worker.end().isEmpty() ? "served to the end" : worker.end()));
    }
    return new DemoReport(load, servers, Losses.of(load, workers), grown, recovery, stage.kept());
  }

  private static LoadGenerator start(LoadPlan load) throws DemoException {
    try {
      return LoadGenerator.start(load);
    } catch (IOException e) {
      throw new DemoException("start the load", e);
    }
  }

  private static Optional<KernelCounters> counters() {
    try {
      return Optional.of(KernelCounters.read());
    } catch (IOException e) {
      return Optional.empty(); // A sandbox without /proc/net: the report goes without.
    }
  }

  private static Duration elapsed(LoadGenerator load) {
    return load.snapshot().elapsed();
  }

  private Scene scene(LoadReport load) {
    return new Scene(load, List.copyOf(workers), List.copyOf(events));
  }

  private void say(String event) {
    events.add(event);
    view.say(event);
  }
}
