package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class ServiceVerbsTest {

  private static final String CONTROL = "dev.holdfast.Control.";

  private final FakeBroker broker = new FakeBroker();

  ServiceVerbsTest() throws IOException {}

  @AfterEach
  void stop() throws IOException {
    broker.close();
  }

  private Ran run(String words) {
    return Ran.with(broker, words.split(" "));
  }

  private static JsonObject step(String kind, int worker, int atMillis, String message) {
    JsonObject step =
        JsonObject.builder()
            .put("step", kind)
            .put("service", "shop")
            .put("worker", worker == 0 ? null : Integer.toString(worker))
            .put("pid", worker == 0 ? null : 1000 + worker)
            .put("message", message)
            .put("atUsec", Long.toString(1_700_000_000_000_000L + atMillis * 1000L))
            .build();
    return JsonObject.of("step", step);
  }

  private static JsonObject[] restarted() {
    return new JsonObject[] {
      step("begun", 0, 0, "2 workers, one after the other"),
      step("started", 7, 10, "started"),
      step("ready", 7, 420, "seen waiting on web"),
      step("draining", 5, 421, "SIGTERM\033[2J"),
      step("killed", 5, 12_421, "killed: did not finish in 12 s"),
      step("gone", 5, 12_430, ""),
      step("done", 0, 12_431, "generation 3 serves")
    };
  }

  @Test
  void restartPrintsALineForEachStepAndSumsUp() {
    broker.on(CONTROL + "Restart", restarted());
    Ran ran = run("restart shop");
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isEqualTo(ExitCode.OK);
    assertThat(ran.out())
        .isEqualTo(
            """
               0.00s  begun     2 workers, one after the other
               0.01s  started   worker 7 pid 1007
               0.42s  ready     worker 7 pid 1007: seen waiting on web
               0.42s  draining  worker 5 pid 1005: SIGTERM?[2J
              12.42s  killed    worker 5 pid 1005: did not finish in 12 s
              12.43s  gone      worker 5 pid 1005
            restart shop: done in 12.43s (1 started, 1 gone, 1 killed): generation 3 serves
            """);
    assertThat(broker.last(CONTROL + "Restart")).isEqualTo(JsonObject.of("service", "shop"));
    assertThat(broker.calls).singleElement().satisfies(call -> assertThat(call.more()).isTrue());
  }

  @Test
  void asJsonEachStepIsAnObjectOnALine() throws Exception {
    broker.on(CONTROL + "Restart", restarted());
    List<String> lines = run("restart shop --json").out().lines().toList();
    assertThat(lines).hasSize(7);
    assertThat(Json.parse(lines.get(2)).string("step")).isEqualTo("ready");
    assertThat(Json.parse(lines.get(2)).integer("pid")).isEqualTo(1007);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "restart shop --all-at-once | Restart | {\"service\":\"shop\",\"allAtOnce\":true}",
        "restart shop --ready-timeout 2s | Restart |"
            + " {\"service\":\"shop\",\"readyTimeoutUsec\":\"2000000\"}",
        "scale shop 4 | Scale | {\"service\":\"shop\",\"count\":4}",
        "stop shop | Stop | {\"service\":\"shop\"}",
        "start shop | Start | {\"service\":\"shop\"}"
      })
  void eachVerbAsksForWhatItSays(String words, String method, String parameters) throws Exception {
    broker.on(CONTROL + method, step("done", 0, 0, ""));
    Ran ran = run(words);
    assertThat(ran.out()).endsWith(": done in 0.00s\n");
    assertThat(broker.last(CONTROL + method)).isEqualTo(Json.parse(parameters));
  }

  @Test
  void aFailedRestartIs1AndShowsWhatTheWorkerWrote() throws Exception {
    VarlinkException failed =
        new VarlinkException(
            CONTROL + "RestartFailed",
            JsonObject.of(
                "service", "shop", "reason", "worker 7 exited with code 1\nno such table\n  in x"));
    JsonObject begun = step("begun", 0, 0, "2 workers");
    broker.on(
        CONTROL + "Restart",
        parameters -> new FakeBroker.Answers(List.of(begun), List.of(), failed));
    Ran ran = run("restart shop");
    assertThat(ran.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ran.out()).isEqualTo("   0.00s  begun     2 workers\n");
    assertThat(ran.err())
        .isEqualTo(
            "holdfast: restart shop: worker 7 exited with code 1\n  no such table\n    in x\n");
    JsonObject error = Json.parse(run("restart shop --json").err().strip());
    assertThat(error.string("message")).isEqualTo("restart shop: worker 7 exited with code 1");
    assertThat(error.strings("details")).containsExactly("no such table", "  in x");
    assertThat(error.string("error")).isEqualTo(CONTROL + "RestartFailed");
  }

  private static JsonObject upgrade(String kind, int pid, int atMillis, String message) {
    JsonObject step =
        JsonObject.builder()
            .put("step", kind)
            .put("pid", pid == 0 ? null : pid)
            .put("message", message)
            .put("atUsec", Long.toString(1_700_000_000_000_000L + atMillis * 1000L))
            .build();
    return JsonObject.of("step", step);
  }

  @Test
  void anUpgradePrintsItsStepsAndTheNewBroker() {
    broker.on(
        CONTROL + "Upgrade",
        upgrade("begun", 0, 0, "/usr/bin/holdfastd"),
        upgrade("started", 77, 20, "started"),
        upgrade("handedOver", 77, 410, "3 listeners"),
        upgrade("done", 77, 460, "pid 77 serves"));
    Ran ran = run("upgrade");
    assertThat(ran.code()).isEqualTo(ExitCode.OK);
    assertThat(ran.out())
        .isEqualTo(
            """
               0.00s  begun       /usr/bin/holdfastd
               0.02s  started     pid 77
               0.41s  handedOver  pid 77: 3 listeners
            upgrade: done in 0.46s: pid 77 serves
            """);
    assertThat(broker.last(CONTROL + "Upgrade")).isEqualTo(JsonObject.EMPTY);
    assertThat(run("upgrade --json --program /x/../y/holdfastd").out().lines()).hasSize(4);
    assertThat(broker.last(CONTROL + "Upgrade"))
        .isEqualTo(JsonObject.of("program", "/y/holdfastd"));
  }

  @Test
  void aFailedUpgradeIs1AndShowsWhatTheOtherOneWrote() {
    VarlinkException failed =
        new VarlinkException(
            CONTROL + "UpgradeFailed",
            JsonObject.of("reason", "pid 77 exited with code 78\nbad key"));
    broker.on(
        CONTROL + "Upgrade",
        parameters ->
            new FakeBroker.Answers(List.of(upgrade("begun", 0, 0, "")), List.of(), failed));
    Ran ran = run("upgrade");
    assertThat(ran.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ran.err()).isEqualTo("holdfast: upgrade: pid 77 exited with code 78\n  bad key\n");
  }

  @Test
  void noneIsNotANumberOfWorkersButAStop() {
    assertThat(run("scale shop 0").err()).contains("use `holdfast stop shop`");
    assertThat(broker.calls).isEmpty();
  }
}
