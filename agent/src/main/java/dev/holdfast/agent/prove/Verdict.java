package dev.holdfast.agent.prove;

import dev.holdfast.agent.load.Figures;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.Outcome;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What it comes down to.
 *
 * @param lines one when it passed; otherwise what went wrong, and what that means
 */
record Verdict(boolean passed, List<String> lines) {

  static Verdict of(ProveReport report) {
    LoadReport load = report.load();
    if (load.lost() > 0 && load.served() > 0) {
      return failed(losses(report), meaning(report));
    }
    if (load.served() == 0) {
      return failed(unserved(report), "Nothing was restarted. " + unservedAdvice(report));
    }
    if (report.interruption().isPresent()) {
      return failed(
          "Ended by SIG" + report.interruption().get() + ", " + restarts(report) + ".",
          "Nothing was lost until then; that is less than was to be proved." + left(report));
    }
    Optional<Restart> failure = failure(report);
    if (failure.isPresent()) {
      return failed(
          "Nothing was lost, but restart "
              + failure.get().number()
              + " of "
              + report.plan().planned()
              + " failed: "
              + failure.get().message(),
          "No other was tried. What the workers and the broker wrote says more.");
    }
    return new Verdict(true, List.of("Nothing was lost. " + restarted(report)));
  }

  private static Verdict failed(String what, String meaning) {
    return new Verdict(false, List.of(what, meaning));
  }

  private static String restarted(ProveReport report) {
    ProvePlan plan = report.plan();
    int done = report.restartsDone();
    if (done > 0) {
      return plan.service().orElse("") + " was restarted " + times(done) + ".";
    }
    return "Nothing was restarted"
        + (plan.unrestarted().isEmpty() ? "" : ": " + plan.unrestarted())
        + ".";
  }

  private static String times(int number) {
    return number == 1 ? "once" : number + " times";
  }

  private static String losses(ProveReport report) {
    LoadReport load = report.load();
    String inRestarts =
        Figures.grouped(sum(report.phases().restarting().lost())) + " of them in restarts";
    return "LOST "
        + Figures.grouped(load.lost())
        + " of "
        + Figures.grouped(load.requests())
        + " requests: "
        + Figures.kinds(load.lostByKind())
        + (report.restarts().isEmpty() ? "" : " (" + inRestarts + ")")
        + (report.interruption().isPresent() ? "; ended by SIG" + report.interruption().get() : "")
        + (failure(report).isPresent() || report.interruption().isPresent()
            ? "; " + restarts(report)
            : "")
        + ".";
  }

  private static String restarts(ProveReport report) {
    if (report.plan().planned() == 0) {
      return "before its time";
    }
    return "after " + report.restartsDone() + " of " + report.plan().planned() + " restarts";
  }

  private static String left(ProveReport report) {
    boolean underWay =
        report.restarts().stream().anyMatch(restart -> restart.end() == Restart.End.LEFT);
    return underWay ? " The restart that was under way goes on without this command." : "";
  }

  private static long sum(Map<Outcome, Long> lost) {
    return lost.values().stream().mapToLong(Long::longValue).sum();
  }

  private static Optional<Restart> failure(ProveReport report) {
    return report.restarts().stream()
        .filter(restart -> restart.end() == Restart.End.FAILED)
        .findFirst();
  }

  private static String unserved(ProveReport report) {
    LoadReport load = report.load();
    String seen =
        load.lost() > 0
            ? Figures.kinds(load.lostByKind())
            : load.localProblem()
                .map(why -> "this side could not try: " + why)
                .orElse("none ended");
    return "No request had a good answer: " + seen + ".";
  }

  private static String unservedAdvice(ProveReport report) {
    if (report.interruption().isPresent()) {
      return "Ended by SIG" + report.interruption().get() + ".";
    }
    return report.plan().speech().isHttp()
        ? "Does "
            + report.plan().target().listener()
            + " speak HTTP, with a page at "
            + report.plan().speech().path()
            + "? See --path and --plain."
        : "Does a worker serve " + report.plan().target().listener() + "? See `holdfast list`.";
  }

  /** Of the kind that was lost most. */
  private static String meaning(ProveReport report) {
    Outcome most =
        report.load().lostByKind().entrySet().stream()
            .max(Map.Entry.comparingByValue())
            .map(Map.Entry::getKey)
            .orElse(Outcome.OK);
    return switch (most) {
      case CUT ->
          "A worker had these connections and cut them: its server does not finish what it keeps"
              + " open before it ends. It should answer what was asked, with Connection: close.";
      case RESET_MIDWAY ->
          "A worker was answering these: its server does not finish what it has before it ends.";
      case RESET, CLOSED_UNANSWERED ->
          "The queue does not close, so a worker had most likely accepted these: its server does"
              + " not finish what it has accepted before it ends.";
      case BAD_ANSWER ->
          "A worker answered these, and badly: it is ready before it can serve, or answers 5xx while"
              + " it ends.";
      case REFUSED ->
          "The port was closed for a while: the listener was idle with idle = refuse, or it is not"
              + " the broker that listens there.";
      case CONNECT_TIMED_OUT ->
          "The accept queue stayed full: too few workers took from it, or its backlog is too short.";
      case ANSWER_TIMED_OUT ->
          "No whole answer within "
              + report.plan().pace().patience().toSeconds()
              + " s: a worker took them and was stuck, or none took them from the queue.";
      case OK, LOCAL -> throw new IllegalStateException(most + " is no loss");
    };
  }
}
