package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.LatencyHistogram;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The report as a program reads it. */
final class ReportJson {

  private ReportJson() {}

  static JsonObject of(DemoReport report) {
    List<JsonObject> workers = new ArrayList<>();
    for (DemoReport.Server worker : report.workers()) {
      workers.add(
          JsonObject.builder()
              .put("name", worker.name())
              .put("program", worker.program())
              .put("pid", worker.pid())
              .put("served", worker.served())
              .put("end", worker.end())
              .build());
    }
    JsonObject.Builder kinds = JsonObject.builder();
    report.losses().byKind().forEach((kind, count) -> kinds.put(View.kind(kind), count));
    return JsonObject.builder()
        .put("millis", report.load().elapsed().toMillis())
        .put("served", report.load().served())
        .put("perSecond", Math.round(report.load().rate()))
        .put("workers", workers)
        .put(
            "lost",
            JsonObject.builder()
                .put("queued", report.losses().queued())
                .put("withKilledWorker", report.losses().withKilledWorker())
                .put("undecided", report.losses().undecided())
                .put("byKind", kinds.build())
                .build())
        .put("notTried", report.load().local())
        .put("latencyMicros", latencies(report.load().latencies()))
        .put(
            "kernel",
            report
                .kernel()
                .map(
                    counters ->
                        JsonObject.of(
                            "listenOverflows",
                            counters.listenOverflows(),
                            "listenDrops",
                            counters.listenDrops()))
                .orElse(null))
        .put(
            "recovery",
            JsonObject.builder()
                .put("killed", report.recovery().killed())
                .put("successor", report.recovery().successor())
                .put("inode", report.recovery().inode())
                .put("workers", report.recovery().workers())
                .put("micros", micros(report.recovery().took()))
                .build())
        .put("directory", report.directory().map(Path::toString).orElse(null))
        .build();
  }

  private static JsonObject latencies(LatencyHistogram all) {
    return JsonObject.of(
        "p50", micros(all.p50()), "p99", micros(all.p99()), "max", micros(all.max()));
  }

  private static long micros(Duration time) {
    return time.toNanos() / 1000;
  }
}
