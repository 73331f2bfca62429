package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.Figures;
import dev.holdfast.agent.load.LatencyHistogram;
import dev.holdfast.agent.load.LoadReport;

/** The report as a person reads it. */
final class ReportText {

  private ReportText() {}

  static String of(DemoReport report) {
    LoadReport load = report.load();
    Losses losses = report.losses();
    StringBuilder text = new StringBuilder();
    served(text, report);
    text.append("\nlost\n");
    loss(text, losses.withKilledWorker(), "accepted by a killed worker, and lost with it");
    loss(text, losses.undecided(), "undecided: at the moment of a kill (at most 1 for each)");
    loss(text, losses.queued(), "in the queue");
    if (load.lost() > 0) {
      text.append(row("", "", "as the clients saw it: " + View.lost(load)));
    }
    if (load.local() > 0) {
      String problem = load.localProblem().orElse("");
      text.append(row(View.grouped(load.local()), "", "not even tried by this side: " + problem));
    }
    text.append("\nlatency   ").append(latencies(load.latencies()));
    report
        .kernel()
        .ifPresent(
            counters ->
                text.append("\nkernel    ListenOverflows ")
                    .append(counters.listenOverflows())
                    .append(", ListenDrops ")
                    .append(counters.listenDrops())
                    .append(" (all listeners of this host)"));
    text.append("\nbroker    ").append(recovery(report.recovery()));
    text.append(
        report.nothingQueuedWasLost()
            ? "\n\nNothing that was queued was lost.\n"
            : "\n\nSomething that was queued was LOST, and that must not be: please report it.\n");
    text.append(
        "\nNot shown: connections that a worker has accepted do not move; drain lets it finish them.\n"
            + "Try next: holdfastd --listen web=8080, then twice: holdfast exec web -- ./your-server");
    return text.toString();
  }

  private static void served(StringBuilder text, DemoReport report) {
    int width = "program".length();
    for (DemoReport.Server worker : report.workers()) {
      width = Math.max(width, worker.program().length());
    }
    String format = "%-10s %9s  %-" + width + "s  %s%n";
    text.append(String.format(format, "worker", "served", "program", "end").stripTrailing());
    text.append('\n');
    for (DemoReport.Server worker : report.workers()) {
      text.append(
          String.format(
              format,
              worker.name(),
              View.grouped(worker.served()),
              worker.program(),
              worker.end()));
    }
    text.append(
        String.format(
                format,
                "all",
                View.grouped(report.load().served()),
                "in "
                    + View.seconds(report.load().elapsed()).strip()
                    + ", "
                    + View.grouped(Math.round(report.load().rate()))
                    + " a second",
                "")
            .stripTrailing());
    text.append('\n');
  }

  static String recovery(DemoReport.Recovery recovery) {
    String socket =
        recovery.inode() == 0
            ? "the same port"
            : "the same listener (inode " + recovery.inode() + ")";
    return "killed with -9 and started again: after "
        + Figures.millis(recovery.took())
        + " "
        + socket
        + ", the same "
        + recovery.workers().size()
        + " workers";
  }

  private static void loss(StringBuilder text, long count, String how) {
    text.append(row(View.grouped(count), "", how));
  }

  private static String row(String number, String gap, String words) {
    return String.format("%-10s %9s  %s%n", gap, number, words);
  }

  private static String latencies(LatencyHistogram all) {
    return "p50 "
        + Figures.millis(all.p50())
        + "  p99 "
        + Figures.millis(all.p99())
        + "  max "
        + Figures.millis(all.max());
  }
}
