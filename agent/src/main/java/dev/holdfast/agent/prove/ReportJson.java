package dev.holdfast.agent.prove;

import dev.holdfast.agent.load.KernelCounters;
import dev.holdfast.agent.load.LatencyHistogram;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.LostConnection;
import dev.holdfast.agent.load.Outcome;
import dev.holdfast.varlink.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The report as a program reads it. */
final class ReportJson {

  private static final int EXAMPLES = 20;

  private ReportJson() {}

  static JsonObject of(ProveReport report) {
    ProvePlan plan = report.plan();
    LoadReport load = report.load();
    Verdict verdict = report.verdict();
    return JsonObject.builder()
        .put("passed", verdict.passed())
        .put("verdict", verdict.lines())
        .put("listener", plan.target().listener())
        .put("endpoint", plan.target().endpoint().toString())
        .put("target", plan.target().text())
        .put("service", plan.service().orElse(null))
        .put("remark", plan.unrestarted().isEmpty() ? null : plan.unrestarted())
        .put("exchange", plan.speech().kind().word())
        .put("path", plan.speech().isHttp() ? plan.speech().path() : null)
        .put("inFlight", plan.inFlight())
        .put("rateLimit", plan.perSecond() == 0 ? null : plan.perSecond())
        .put("millis", load.elapsed().toMillis())
        .put("connections", load.started())
        .put("requests", load.requests())
        .put("served", load.served())
        .put("perSecond", Math.round(load.rate()))
        .put("workers", load.byWorker())
        .put("otherStatuses", report.phases().otherStatuses())
        .put("closedIdle", load.closedIdle())
        .put("unfinished", load.inFlight())
        .put("lost", lost(report))
        .put("notTried", load.local())
        .put("notTriedReason", load.localProblem().orElse(null))
        .put(
            "latencyMicros",
            JsonObject.of(
                "steady", latencies(report.phases().steady().latencies()),
                "inRestarts", latencies(report.phases().restarting().latencies())))
        .put("p99Ratio", report.p99Ratio().isPresent() ? report.p99Ratio().getAsDouble() : null)
        .put("kernel", report.kernel().map(ReportJson::kernel).orElse(null))
        .put(
            "restarts",
            JsonObject.of(
                "planned", plan.planned(),
                "done", report.restartsDone(),
                "each", report.restarts().stream().map(ReportJson::restart).toList()))
        .put("notTested", report.notTested())
        .put("signal", report.interruption().orElse(null))
        .build();
  }

  private static JsonObject lost(ProveReport report) {
    List<LostConnection> examples = report.load().lostConnections();
    return JsonObject.builder()
        .put("all", report.load().lost())
        .put("steady", kinds(report.phases().steady().lost()))
        .put("inRestarts", kinds(report.phases().restarting().lost()))
        .put(
            "examples",
            examples.subList(0, Math.min(EXAMPLES, examples.size())).stream()
                .map(ReportJson::example)
                .toList())
        .build();
  }

  private static JsonObject example(LostConnection lost) {
    return JsonObject.of(
        "kind", lost.outcome().words(), "at", lost.ended().toString(), "detail", lost.detail());
  }

  private static JsonObject latencies(LatencyHistogram all) {
    return JsonObject.builder()
        .put("count", all.count())
        .put("p50", micros(all.p50()))
        .put("p99", micros(all.p99()))
        .put("p999", micros(all.p999()))
        .put("max", micros(all.max()))
        .build();
  }

  private static long micros(Duration time) {
    return time.toNanos() / 1000;
  }

  private static JsonObject kinds(Map<Outcome, Long> lost) {
    JsonObject.Builder kinds = JsonObject.builder();
    lost.forEach((kind, count) -> kinds.put(kind.words(), count));
    return kinds.build();
  }

  private static JsonObject kernel(KernelCounters counters) {
    return JsonObject.of(
        "listenOverflows", counters.listenOverflows(), "listenDrops", counters.listenDrops());
  }

  private static JsonObject restart(Restart restart) {
    return JsonObject.builder()
        .put("number", restart.number())
        .put("atMillis", restart.began().toMillis())
        .put("millis", restart.took().toMillis())
        .put("end", restart.end().word())
        .put("kills", restart.kills())
        .put("message", restart.message().isEmpty() ? null : restart.message())
        .build();
  }
}
