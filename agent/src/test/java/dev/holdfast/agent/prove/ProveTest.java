package dev.holdfast.agent.prove;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.Outcome;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ProveTest {

  private static final ProvePlan.Pace QUICK =
      new ProvePlan.Pace(
          Duration.ofMillis(20),
          Duration.ofMillis(80),
          Duration.ofMillis(40),
          Duration.ofSeconds(10));

  private final Server server = new Server();
  private final Interruption interruption = new Interruption();
  private final List<String> events = new ArrayList<>();

  ProveTest() throws IOException {}

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  /** What happens between the first and the last word of a restart. */
  @FunctionalInterface
  private interface Act {
    void happen() throws VarlinkException, IOException;
  }

  /** Restarts of which each does the same. */
  private static Restarts restarts(Act act) {
    return () ->
        new Restarts.Run() {
          private final ArrayDeque<Restarts.Step> steps =
              new ArrayDeque<>(
                  List.of(
                      new Restarts.Step("begun", "shop restarts"),
                      new Restarts.Step("done", "shop was restarted")));

          @Override
          public Optional<Restarts.Step> next(Duration atMost)
              throws IOException, VarlinkException {
            if (steps.size() == 1) {
              act.happen();
            }
            return Optional.ofNullable(steps.poll());
          }

          @Override
          public boolean ended() {
            return steps.isEmpty();
          }

          @Override
          public void close() {}
        };
  }

  private ProvePlan plan(Speech.Kind kind, int restarts) {
    return new ProvePlan(
        Target.of("web", "127.0.0.1:1", server.endpoint()),
        new Speech(kind, "/"),
        Optional.of("shop"),
        "",
        restarts,
        8,
        0,
        false,
        Duration.ZERO,
        QUICK);
  }

  private ProveReport prove(ProvePlan plan, Act act) throws IOException {
    return Prove.run(
        plan, restarts(act), refusal -> "restart shop: " + refusal, interruption, events::add);
  }

  /** So many requests have this fate while a restart is under way, the others are served. */
  private Act spoiling(Server.Fate fate, int count) {
    return () -> {
      int unused = server.spoiled.drainPermits();
      server.fate = fate;
      server.spoiled.acquireUninterruptibly(count);
      server.fate = Server.Fate.SERVED;
    };
  }

  @Test
  void nothingIsLostWhereNothingIs() throws Exception {
    ProveReport report = prove(plan(Speech.Kind.HTTP, 3), () -> {});

    assertThat(report.passed()).isTrue();
    LoadReport load = report.load();
    assertThat(load.served()).isEqualTo(load.requests()).isEqualTo(load.started());
    assertThat(load.served()).isEqualTo(server.served.get()).isPositive();
    assertThat(report.restartsDone()).isEqualTo(3);
    assertThat(report.phases().steady().latencies().count()).isPositive();
    assertThat(load.elapsed()).isGreaterThanOrEqualTo(Duration.ofMillis(100 + 3 * 40));
    assertThat(report.text())
        .contains("alpha ")
        .contains("restarts    3 of 3 done, of shop")
        .contains("kept connections: use --keepalive")
        .endsWith("\nNothing was lost. shop was restarted 3 times.");
    assertThat(events).hasSize(4);
    assertThat(events.get(0)).startsWith("storming web at 127.0.0.1:");
    assertThat(events.get(3)).startsWith("restart 3 of 3: done after ");
  }

  @Test
  void eachWayToLoseIsNamedAndCountedInTheRestart() throws Exception {
    assertLost(Server.Fate.RESET, Outcome.RESET, "what it has accepted");
    assertLost(Server.Fate.CLOSED, Outcome.CLOSED_UNANSWERED, "what it has accepted");
    assertLost(Server.Fate.ERROR, Outcome.BAD_ANSWER, "answers 5xx");
    assertLost(Server.Fate.TRUNCATED, Outcome.BAD_ANSWER, "badly");
  }

  private void assertLost(Server.Fate fate, Outcome kind, String meaning) throws IOException {
    ProveReport report = prove(plan(Speech.Kind.HTTP, 2), spoiling(fate, 3));

    assertThat(report.passed()).isFalse();
    assertThat(report.restartsDone()).isEqualTo(2);
    assertThat(report.load().lostByKind()).containsOnlyKeys(kind);
    assertThat(report.phases().restarting().lost(kind))
        .isEqualTo(report.load().lost())
        .isGreaterThanOrEqualTo(6);
    assertThat(report.phases().steady().lost()).isEmpty();
    assertThat(report.verdict().lines()).hasSize(2);
    assertThat(report.verdict().lines().get(0)).startsWith("LOST ").contains(kind.words());
    assertThat(report.verdict().lines().get(1)).contains(meaning);
    assertThat(report.text()).contains("in restarts").endsWith(report.verdict().lines().get(1));
  }

  @Test
  void aServerThatAnswersNoMoreTimesOut() throws Exception {
    ProvePlan plan = plan(Speech.Kind.HTTP, 1);
    ProvePlan.Pace hasty =
        new ProvePlan.Pace(QUICK.warmUp(), QUICK.before(), QUICK.between(), Duration.ofMillis(300));
    ProveReport report = prove(paced(plan, hasty), spoiling(Server.Fate.KEPT_FOR_EVER, 1));

    assertThat(report.load().lostByKind()).containsOnlyKeys(Outcome.ANSWER_TIMED_OUT);
    assertThat(report.verdict().lines().get(1)).contains("No whole answer within");
  }

  private static ProvePlan paced(ProvePlan plan, ProvePlan.Pace pace) {
    return new ProvePlan(
        plan.target(),
        plan.speech(),
        plan.service(),
        plan.unrestarted(),
        plan.restarts(),
        plan.inFlight(),
        plan.perSecond(),
        plan.remote(),
        plan.lasting(),
        pace);
  }

  @Test
  void aCutOfAKeptConnectionIsTheWorkersLoss() throws Exception {
    server.sparesFirst = true;
    ProveReport report = prove(plan(Speech.Kind.KEEP_ALIVE, 1), spoiling(Server.Fate.CLOSED, 5));

    assertThat(report.passed()).isFalse();
    assertThat(report.load().lostByKind()).containsOnlyKeys(Outcome.CUT);
    assertThat(report.load().requests()).isGreaterThan(report.load().started());
    assertThat(report.verdict().lines().get(1)).contains("its server does not finish");
    assertThat(report.text()).contains("the worker's loss").doesNotContain("use --keepalive");
  }

  @Test
  void aFailedRestartIsTheLastAndSaysWhy() throws Exception {
    ProveReport report =
        prove(
            plan(Speech.Kind.HTTP, 5),
            () -> {
              throw new VarlinkException(
                  "dev.holdfast.Control.RestartFailed",
                  JsonObject.of("service", "shop", "reason", "not ready in time"));
            });

    assertThat(report.passed()).isFalse();
    assertThat(report.restarts()).hasSize(1);
    assertThat(report.load().lost()).isZero();
    assertThat(report.verdict().lines().get(0))
        .startsWith("Nothing was lost, but restart 1 of 5 failed: restart shop: ")
        .contains("RestartFailed");
    assertThat(report.verdict().lines()).hasSize(2);
  }

  @Test
  void aBrokerThatGoesAwayIsAFailedRestart() throws Exception {
    ProveReport report =
        prove(
            plan(Speech.Kind.HTTP, 5),
            () -> {
              throw new IOException("the service closed the connection");
            });

    assertThat(report.restarts()).hasSize(1);
    assertThat(report.verdict().lines().get(0)).contains("closed the connection");
  }

  @Test
  void anInterruptionEndsItWithTheReportSoFar() throws Exception {
    ProveReport report =
        prove(plan(Speech.Kind.HTTP, 5), () -> assertThat(interruption.interrupt("TERM")).isTrue());

    assertThat(report.passed()).isFalse();
    assertThat(report.restarts()).hasSize(1);
    assertThat(report.load().over()).isTrue();
    assertThat(report.load().served()).isPositive();
    assertThat(report.verdict().lines().get(0)).startsWith("Ended by SIGTERM, after ");
    assertThat(Json.parse(report.json()).string("signal")).isEqualTo("TERM");
    assertThat(interruption.interrupt("INT")).isFalse();
  }

  @Test
  void anInterruptionDoesNotWaitForAServerThatIsStuck() throws Exception {
    Semaphore stuck = new Semaphore(0);
    ProveReport report =
        prove(
            plan(Speech.Kind.HTTP, 5),
            () -> {
              server.fate = Server.Fate.KEPT_FOR_EVER;
              server.spoiled.acquireUninterruptibly(8);
              stuck.release();
              assertThat(interruption.interrupt("INT")).isTrue();
            });

    assertThat(stuck.availablePermits()).isEqualTo(1);
    assertThat(report.load().inFlight()).isEqualTo(8);
    assertThat(report.load().lost()).isZero();
    assertThat(report.text()).contains("in flight when it was ended");
  }

  @Test
  void aServiceThatServesNothingIsNotRestarted() throws Exception {
    server.fate = Server.Fate.ERROR;
    ProvePlan.Pace hasty =
        new ProvePlan.Pace(QUICK.warmUp(), QUICK.before(), QUICK.between(), Duration.ofMillis(300));
    ProveReport report =
        prove(
            paced(plan(Speech.Kind.HTTP, 5), hasty),
            () -> {
              throw new AssertionError("restarted");
            });

    assertThat(report.passed()).isFalse();
    assertThat(report.restarts()).isEmpty();
    assertThat(report.verdict().lines().get(0)).contains("No request had a good answer");
    assertThat(report.verdict().lines().get(1)).contains("--plain");
  }

  @Test
  void withoutAServiceItStormsAlone() throws Exception {
    ProvePlan restarting = plan(Speech.Kind.PLAIN, 5);
    ProveReport report =
        prove(
            new ProvePlan(
                restarting.target(),
                restarting.speech(),
                Optional.empty(),
                "no service has web",
                5,
                4,
                200,
                false,
                Duration.ofMillis(400),
                QUICK),
            () -> {
              throw new AssertionError("restarted");
            });

    assertThat(report.passed()).isTrue();
    assertThat(report.load().elapsed()).isGreaterThanOrEqualTo(Duration.ofMillis(400));
    assertThat(report.verdict().lines())
        .containsExactly("Nothing was lost. Nothing was restarted: no service has web.");
    assertThat(report.p99Ratio()).isEmpty();
    assertThat(report.text()).contains("restarts: none was made").contains("--plain takes any");
  }

  @Test
  void theJsonHasItAll() throws Exception {
    ProveReport report = prove(plan(Speech.Kind.KEEP_ALIVE, 2), spoiling(Server.Fate.RESET, 2));
    JsonObject json = Json.parse(report.json());

    assertThat(json.bool("passed")).isFalse();
    assertThat(json.strings("verdict")).isEqualTo(report.verdict().lines());
    assertThat(json.string("listener")).isEqualTo("web");
    assertThat(json.string("endpoint")).isEqualTo(server.endpoint());
    assertThat(json.string("service")).isEqualTo("shop");
    assertThat(json.string("exchange")).isEqualTo("keepalive");
    assertThat(json.string("path")).isEqualTo("/");
    assertThat(json.integer("served")).isEqualTo(report.load().served());
    assertThat(json.integer("requests")).isGreaterThanOrEqualTo(json.integer("connections"));
    assertThat(json.object("workers").integer("alpha")).isEqualTo(report.load().served());
    JsonObject lost = json.object("lost");
    assertThat(lost.integer("all")).isEqualTo(report.load().lost());
    assertThat(lost.object("steady").isEmpty()).isTrue();
    assertThat(lost.object("inRestarts").isEmpty()).isFalse();
    assertThat(lost.objects("examples")).isNotEmpty();
    JsonObject latencies = json.object("latencyMicros");
    for (String phase : new String[] {"steady", "inRestarts"}) {
      assertThat(latencies.object(phase).members().keySet())
          .containsExactly("count", "p50", "p99", "p999", "max");
    }
    JsonObject restarts = json.object("restarts");
    assertThat(restarts.integer("planned")).isEqualTo(2);
    assertThat(restarts.integer("done")).isEqualTo(2);
    assertThat(restarts.objects("each").get(1).string("end")).isEqualTo("done");
    assertThat(json.strings("notTested")).isEqualTo(report.notTested());
    assertThat(json.has("signal")).isFalse();
  }

  @Test
  void theQuietTimesFillTheTimeThatWasAskedFor() {
    ProvePlan base = plan(Speech.Kind.HTTP, 4);
    ProvePlan minute =
        new ProvePlan(
            base.target(),
            base.speech(),
            base.service(),
            "",
            4,
            8,
            0,
            false,
            Duration.ofSeconds(60),
            ProvePlan.Pace.STANDARD);

    assertThat(minute.quietBefore()).isEqualTo(Duration.ofSeconds(12));
    assertThat(minute.quietAfter(1, Duration.ofSeconds(20))).isEqualTo(Duration.ofSeconds(10));
    assertThat(minute.quietAfter(4, Duration.ofSeconds(50))).isEqualTo(Duration.ofSeconds(10));
    assertThat(minute.quietAfter(4, Duration.ofSeconds(70))).isEqualTo(Duration.ofSeconds(1));
    assertThat(paced(base, ProvePlan.Pace.STANDARD).quietBefore())
        .isEqualTo(Duration.ofMillis(2500));
  }
}
