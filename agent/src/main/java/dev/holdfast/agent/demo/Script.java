package dev.holdfast.agent.demo;

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
      Duration quarter = plan.lasting().dividedBy(4);
      until(generator, "the load goes on", () -> elapsed(generator).compareTo(quarter) >= 0);
      kill(generator, victim, languages);
      Duration half = plan.lasting().dividedBy(2);
      until(generator, "the load goes on", () -> elapsed(generator).compareTo(half) >= 0);
      restart(generator, operator, first);
      until(generator, "the load goes on", () -> elapsed(generator).compareTo(plan.lasting()) >= 0);
      generator.stop();
      until(generator, "the last connections end", () -> generator.snapshot().over());
      LoadReport done = generator.snapshot();
      view.end(scene(done));
      return report(done, before);
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

  private DemoReport report(LoadReport load, Optional<KernelCounters> before) throws DemoException {
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
    return new DemoReport(load, servers, Losses.of(load, workers), grown, stage.kept());
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
