package dev.holdfast.agent.prove;

import dev.holdfast.agent.load.Figures;
import dev.holdfast.agent.load.LatencyHistogram;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.LostConnection;
import dev.holdfast.agent.load.Outcome;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The report as a person reads it. */
final class ReportText {

  private static final int EXAMPLES = 3;

  private final ProveReport report;
  private final LoadReport load;
  private final StringBuilder text = new StringBuilder();

  private ReportText(ProveReport report) {
    this.report = report;
    this.load = report.load();
  }

  static String of(ProveReport report) {
    return new ReportText(report).write();
  }

  private String write() {
    served();
    lost();
    latencies();
    restarts();
    kernel();
    line("");
    String head = "not tested";
    for (String what : report.notTested()) {
      line("%-10s  %s", head, what);
      head = "";
    }
    line("");
    report.verdict().lines().forEach(verdict -> line("%s", verdict));
    return text.toString().stripTrailing();
  }

  private void served() {
    line("%-10s %9s", "worker", "served");
    load.byWorker().forEach((worker, count) -> line("%-10s %9s", worker, Figures.grouped(count)));
    long unnamed =
        load.served() - load.byWorker().values().stream().mapToLong(Long::longValue).sum();
    if (unnamed > 0) {
      line(
          "%-10s %9s  no name in these answers (X-Worker: NAME, or a first line \"worker NAME\")",
          load.byWorker().isEmpty() ? "unknown" : "others", Figures.grouped(unnamed));
    }
    line(
        "%-10s %9s  of %s requests on %s connections, in %s: %s a second",
        "all",
        Figures.grouped(load.served()),
        Figures.grouped(load.requests()),
        Figures.grouped(load.started()),
        Figures.seconds(load.elapsed()),
        Figures.grouped(Math.round(load.rate())));
    for (Map.Entry<String, Long> status : report.phases().otherStatuses().entrySet()) {
      row(status.getValue(), "of these with status " + status.getKey() + ": served, if not found");
    }
    if (load.closedIdle() > 0) {
      row(load.closedIdle(), "connections that the server closed between two requests: not lost");
    }
    if (load.inFlight() > 0) {
      row(load.inFlight(), "in flight when it was ended: neither served nor lost");
    }
  }

  private void lost() {
    line("");
    boolean split = !report.restarts().isEmpty();
    line(split ? "%-10s %9s  %11s" : "%-10s", "lost", "steady", "in restarts");
    for (Outcome kind : Outcome.values()) {
      boolean wanted =
          kind.isLost()
              && (kind != Outcome.CUT || report.plan().speech().kind() == Speech.Kind.KEEP_ALIVE);
      if (wanted) {
        long steady = report.phases().steady().lost(kind);
        long inRestarts = report.phases().restarting().lost(kind);
        if (split) {
          line(
              "%-10s %9s  %11s  %s",
              "", Figures.grouped(steady), Figures.grouped(inRestarts), words(kind));
        } else {
          row(steady + inRestarts, words(kind));
        }
      }
    }
    if (load.local() > 0) {
      row(
          load.local(),
          "not even tried, LOCAL, and no loss of the server's: " + load.localProblem().orElse(""));
    }
    List<LostConnection> examples = load.lostConnections();
    for (LostConnection lost : examples.subList(0, Math.min(EXAMPLES, examples.size()))) {
      line("%-10s %9s  %s", "", "e.g.", example(lost));
    }
  }

  private static String example(LostConnection lost) {
    return Instant.ofEpochMilli(lost.ended().toEpochMilli())
        + (lost.local() == null ? "" : " from " + from(lost.local()))
        + ": "
        + lost.outcome().words()
        + ": "
        + lost.detail();
  }

  private static String from(InetSocketAddress local) {
    return local.getAddress().getHostAddress() + ":" + local.getPort();
  }

  private static String words(Outcome kind) {
    return kind.words()
        + switch (kind) {
          case CUT -> ": asked on a kept connection, and closed unanswered: the worker's loss";
          case BAD_ANSWER -> " (5xx, truncated, or not HTTP)";
          case OK,
              REFUSED,
              RESET,
              RESET_MIDWAY,
              CLOSED_UNANSWERED,
              CONNECT_TIMED_OUT,
              ANSWER_TIMED_OUT,
              LOCAL ->
              "";
        };
  }

  private void latencies() {
    line("");
    line("%-12s %9s %10s %10s %10s %10s", "latency", "answers", "p50", "p99", "p99.9", "max");
    latencies("steady", report.phases().steady().latencies());
    if (!report.restarts().isEmpty()) {
      latencies("in restarts", report.phases().restarting().latencies());
    }
    report
        .p99Ratio()
        .ifPresent(
            ratio ->
                line(
                    "%-12s p99 in restarts is %s times the steady one%s",
                    "",
                    String.format(Locale.ROOT, "%.1f", ratio),
                    report.comparesFew() ? "; so few answers say little" : ""));
  }

  private void latencies(String when, LatencyHistogram all) {
    if (all.count() == 0) {
      line("%-12s %9s", when, 0);
      return;
    }
    line(
        "%-12s %9s %10s %10s %10s %10s",
        when,
        Figures.grouped(all.count()),
        Figures.millis(all.p50()),
        Figures.millis(all.p99()),
        Figures.millis(all.p999()),
        Figures.millis(all.max()));
  }

  private void restarts() {
    line("");
    ProvePlan plan = report.plan();
    if (plan.planned() == 0) {
      line("%-10s  none: %s", "restarts", plan.unrestarted());
      return;
    }
    line(
        "%-10s  %d of %d done, of %s%s",
        "restarts",
        report.restartsDone(),
        plan.planned(),
        plan.service().orElse(""),
        plan.unrestarted().isEmpty() ? "" : "; " + plan.unrestarted());
    for (Restart restart : report.restarts()) {
      line(
          "%10d  %s after %s, %s in%s",
          restart.number(),
          restart.end().word(),
          Figures.seconds(restart.took()),
          Figures.seconds(restart.began()),
          remark(restart));
    }
  }

  private static String remark(Restart restart) {
    String killed = restart.kills() == 0 ? "" : "; KILLED " + restart.kills();
    return killed + (restart.message().isEmpty() ? "" : ": " + restart.message());
  }

  private void kernel() {
    line("");
    if (!(report.plan().target().address() instanceof InetSocketAddress)) {
      line("%-10s  its counters are of TCP only", "kernel");
      return;
    }
    report
        .kernel()
        .ifPresentOrElse(
            counters ->
                line(
                    "%-10s  ListenOverflows %d, ListenDrops %d (all listeners of this network"
                        + " namespace, in this time)",
                    "kernel", counters.listenOverflows(), counters.listenDrops()),
            () -> line("%-10s  does not tell of dropped connections here", "kernel"));
  }

  private void row(long count, String what) {
    line("%-10s %9s  %s", "", Figures.grouped(count), what);
  }

  private void line(String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
  }
}
