package dev.holdfast.agent.prove;

import dev.holdfast.agent.load.Figures;
import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/** Directs one proof. */
public final class Prove {

  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(50);

  /** What is in flight when the user wants the end has so long. */
  private static final Duration ENDING = Duration.ofSeconds(1);

  private final ProvePlan plan;
  private final Restarts service;
  private final Function<VarlinkException, String> words;
  private final Interruption interruption;
  private final Consumer<String> events;
  private final List<Restart> restarts = new ArrayList<>();
  private long began;

  private Prove(
      ProvePlan plan,
      Restarts service,
      Function<VarlinkException, String> words,
      Interruption interruption,
      Consumer<String> events) {
    this.plan = plan;
    this.service = service;
    this.words = words;
    this.interruption = interruption;
    this.events = events;
  }

  /**
   * Storms and restarts, on the calling thread, until all is done or the interruption comes. What
   * goes wrong meanwhile is in the report.
   *
   * @param words a refusal by the broker as the user reads it
   * @param events takes a line for each thing that happens
   * @throws IOException if the load cannot be started
   */
  public static ProveReport run(
      ProvePlan plan,
      Restarts service,
      Function<VarlinkException, String> words,
      Interruption interruption,
      Consumer<String> events)
      throws IOException {
    return new Prove(plan, service, words, interruption, events).run();
  }

  private ProveReport run() throws IOException {
    Optional<KernelCounters> before = counters();
    began = System.nanoTime();
    Phases phases = new Phases(began + plan.pace().warmUp().toNanos());
    try (LoadGenerator load = LoadGenerator.start(loadPlan(), phases)) {
      events.accept(
          "storming "
              + plan.target().listener()
              + " at "
              + plan.target().text()
              + ", "
              + plan.inFlight()
              + " connections in flight; "
              + plan.speech().words());
      direct(load, phases);
      LoadReport done = end(load);
      Optional<KernelCounters> grown =
          before.flatMap(earlier -> counters().map(now -> now.since(earlier)));
      return new ProveReport(plan, done, phases, restarts, grown, interruption.signal());
    }
  }

  private LoadPlan loadPlan() {
    LoadPlan against =
        plan.remote()
            ? LoadPlan.againstRemote(plan.target().address())
            : LoadPlan.against(plan.target().address());
    return against
        .withConcurrency(plan.inFlight())
        .withPerSecond(plan.perSecond())
        .withExchange(plan.speech().exchange())
        .withTimeouts(plan.pace().patience(), plan.pace().patience());
  }

  private void direct(LoadGenerator load, Phases phases) {
    if (interruption.pause(plan.quietBefore()) || plan.planned() == 0 || !serves(load)) {
      return;
    }
    for (int number = 1; number <= plan.planned(); number++) {
      Restart restart = restart(number, phases);
      restarts.add(restart);
      tell(restart, load.snapshot());
      if (interruption.pause(plan.quietAfter(number, elapsed())) || !restart.isDone()) {
        return; // After a failure another attempt proves nothing.
      }
    }
  }

  /** A service is not restarted under a load that it does not understand. */
  private boolean serves(LoadGenerator load) {
    while (load.snapshot().served() == 0) {
      if (elapsed().compareTo(plan.pace().patience()) > 0 || interruption.pause(BETWEEN_LOOKS)) {
        return false;
      }
    }
    return true;
  }

  private Restart restart(int number, Phases phases) {
    Duration from = elapsed();
    int kills = 0;
    String message = "";
    Restart.End end = Restart.End.DONE;
    phases.restartBegins();
    try (Restarts.Run run = service.begin()) {
      while (!run.ended() && end == Restart.End.DONE) {
        Optional<Restarts.Step> step = run.next(BETWEEN_LOOKS);
        if (step.filter(Restarts.Step::isKill).isPresent()) {
          kills++;
          message = step.get().message();
        }
        if (!run.ended() && interruption.signal().isPresent()) {
          end = Restart.End.LEFT;
        }
      }
    } catch (VarlinkException e) {
      end = Restart.End.FAILED;
      message = words.apply(e);
    } catch (IOException e) {
      end = Restart.End.FAILED;
      message = "talk to the broker: " + e.getMessage();
    } finally {
      phases.restartEnded(System.nanoTime());
    }
    return new Restart(number, from, elapsed().minus(from), end, kills, message);
  }

  private void tell(Restart restart, LoadReport load) {
    events.accept(
        "restart "
            + restart.number()
            + " of "
            + plan.planned()
            + ": "
            + restart.end().word()
            + " after "
            + Figures.seconds(restart.took())
            + "; "
            + Figures.grouped(load.served())
            + " served, "
            + (load.lost() == 0 ? "none lost" : "LOST " + Figures.kinds(load.lostByKind()))
            + " so far");
  }

  private LoadReport end(LoadGenerator load) {
    load.stop();
    try {
      boolean over = false;
      while (!over && interruption.signal().isEmpty()) {
        over = load.awaitEnd(BETWEEN_LOOKS); // the last answer, or the end of its time
      }
      boolean unused = over || load.awaitEnd(ENDING);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      interruption.interrupt("INT");
    }
    load.close();
    return load.snapshot();
  }

  private Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - began);
  }

  private static Optional<KernelCounters> counters() {
    try {
      return Optional.of(KernelCounters.read());
    } catch (IOException e) {
      return Optional.empty(); // A sandbox without /proc/net: the report goes without.
    }
  }
}
