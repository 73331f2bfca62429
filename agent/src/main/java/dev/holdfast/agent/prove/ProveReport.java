package dev.holdfast.agent.prove;

import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LoadReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** How a proof went: to be read as text or JSON. */
public final class ProveReport {

  private static final int FEW = 1000;

  private final ProvePlan plan;
  private final LoadReport load;
  private final Phases phases;
  private final List<Restart> restarts;
  private final Optional<KernelCounters> kernel;
  private final Optional<String> interruption;

  /**
   * @param phases of the load, which is over
   * @param kernel what the kernel counted meanwhile; empty where it does not tell
   * @param interruption the signal that ended it early
   */
  ProveReport(
      ProvePlan plan,
      LoadReport load,
      Phases phases,
      List<Restart> restarts,
      Optional<KernelCounters> kernel,
      Optional<String> interruption) {
    this.plan = plan;
    this.load = load;
    this.phases = phases;
    this.restarts = List.copyOf(restarts);
    this.kernel = kernel;
    this.interruption = interruption;
  }

  /** Whether all was done, and nothing lost. */
  public boolean passed() {
    return verdict().passed();
  }

  /** As a table for people; the last line or two are the verdict. */
  public String text() {
    return ReportText.of(this);
  }

  /** As one line for programs. */
  public String json() {
    return ReportJson.of(this).toString();
  }

  ProvePlan plan() {
    return plan;
  }

  LoadReport load() {
    return load;
  }

  Phases phases() {
    return phases;
  }

  List<Restart> restarts() {
    return restarts;
  }

  Optional<KernelCounters> kernel() {
    return kernel;
  }

  Optional<String> interruption() {
    return interruption;
  }

  Verdict verdict() {
    return Verdict.of(this);
  }

  int restartsDone() {
    return (int) restarts.stream().filter(Restart::isDone).count();
  }

  /** Whether there are so few answers on one side that a p99 is their maximum, or nearly. */
  boolean comparesFew() {
    return phases.steady().latencies().count() < FEW
        || phases.restarting().latencies().count() < FEW;
  }

  /** The p99 in restarts over that outside; empty where there is nothing to compare. */
  OptionalDouble p99Ratio() {
    long steady = phases.steady().latencies().p99().toNanos();
    return steady == 0 || phases.restarting().latencies().count() == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of((double) phases.restarting().latencies().p99().toNanos() / steady);
  }

  /** What nobody should believe to be proved by this. */
  List<String> notTested() {
    List<String> not = new ArrayList<>();
    if (restarts.isEmpty()) {
      not.add("restarts: none was made");
    }
    not.add(
        "long-lived connections (streams, WebSockets, uploads): those that a worker has accepted do"
            + " not move");
    switch (plan.speech().kind()) {
      case HTTP -> not.add("kept connections: use --keepalive");
      case KEEP_ALIVE ->
          not.add(
              load.requests() == load.started()
                  ? "kept connections: this server kept none"
                  : "connections that are idle for long: each here asks again at once");
      case PLAIN ->
          not.add(
              "whether it was served: --plain takes any byte, or an orderly end, for an answer");
    }
    not.add(
        "what is in an answer, beyond its status and length; requests other than this GET; TLS");
    if (plan.speech().kind() == Speech.Kind.PLAIN) {
      not.set(not.size() - 1, "what your clients say; TLS");
    }
    not.add(
        plan.target().beyondLoopback()
            ? "other hosts: the load came from this one"
            : "other hosts, and the way to them: the load came over loopback");
    not.add("a crash: a worker that dies takes along what it had accepted");
    if (plan.perSecond() == 0) {
      not.add(
          "clients that do not wait: each connection here begins when another ended, so a slow"
              + " server is asked less");
    }
    return not;
  }
}
