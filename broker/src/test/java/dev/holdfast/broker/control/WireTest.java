package dev.holdfast.broker.control;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.Notice;
import dev.holdfast.broker.core.Refusal;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.InterfaceDescription;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is written is what the .varlink texts say. */
class WireTest {

  private static final InterfaceDescription CONTROL =
      InterfaceDescription.loadResource("dev.holdfast.Control");
  private static final InterfaceDescription WORKER =
      InterfaceDescription.loadResource("dev.holdfast.Worker");

  private static void assertAnswers(String method, JsonObject parameters) {
    assertThatCode(() -> CONTROL.check(CONTROL.method(method).orElseThrow().out(), parameters))
        .doesNotThrowAnyException();
  }

  private static JsonObject listed(JsonObject service) {
    return JsonObject.builder()
        .put("listeners", List.of())
        .put("leases", List.of())
        .put("stored", List.of())
        .put("services", List.of(service))
        .build();
  }

  static List<Refusal> refusals() {
    return List.of(
        new Refusal.NoSuchService("shop"),
        new Refusal.RestartFailed("shop", "exited\nbad"),
        new Refusal.ServiceBusy("shop", "restart"),
        new Refusal.ServiceStopped("shop"),
        new Refusal.ShuttingDown());
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void aRefusalAboutServicesIsAnErrorOfTheText(Refusal refusal) {
    assertDeclared(CONTROL, refusal);
  }

  @Test
  void aWorkerOfSomebodyElseIsRefusedInTheWordsOfTheText() {
    assertDeclared(WORKER, new Refusal.ServiceSupervised("shop"));
  }

  private static void assertDeclared(InterfaceDescription description, Refusal refusal) {
    VarlinkException error = Wire.error(description.name(), refusal);
    String name = error.error().substring(description.name().length() + 1);
    assertThat(description.errors()).containsKey(name);
    InterfaceDescription.ErrorDescription declared = requireNonNull(description.errors().get(name));
    assertThatCode(() -> description.check(declared.parameters(), error.parameters()))
        .doesNotThrowAnyException();
  }

  @ParameterizedTest
  @EnumSource
  void everyStepIsInTheText(Answer.Step step) {
    Instant at = Instant.ofEpochSecond(1, 500_000_000);
    JsonObject whole = Wire.step(new Answer.Progress("shop", step, 7, 4711, "so", at, false));
    assertAnswers("Restart", JsonObject.of("step", whole));
    assertThat(whole.string("worker")).isEqualTo("7");
    assertThat(whole.string("atUsec")).isEqualTo("1500000");
    JsonObject about = Wire.step(new Answer.Progress("shop", step, 0, 0, "so", at, true));
    assertAnswers("Stop", JsonObject.of("step", about));
    assertThat(about.has("worker") || about.has("pid")).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void everyKindOfEventIsInTheText(Notice.Kind kind) {
    Notice notice = new Notice(kind, "shop", null, "so", Instant.EPOCH);
    assertAnswers("Watch", Wire.event(notice));
  }

  @ParameterizedTest
  @EnumSource
  void everyStepOfAnUpgradeIsInTheText(Operator.UpgradeStep step) {
    JsonObject known = Wire.upgradeStep(step, 4711, "so", Instant.EPOCH);
    assertAnswers("Upgrade", JsonObject.of("step", known));
    JsonObject unknown = Wire.upgradeStep(step, 0, "so", Instant.EPOCH);
    assertAnswers("Upgrade", JsonObject.of("step", unknown));
    assertThat(unknown.has("pid")).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void everyStateOfAWorkerIsInTheText(WorkerState state) {
    Answer.WorkerView worker =
        new Answer.WorkerView(7, new LeaseId("a-1"), 4711, 2, state, Instant.EPOCH, "busy");
    Answer.ServiceView service =
        new Answer.ServiceView(
            "shop",
            "failing",
            2,
            1,
            2,
            3_000_000_000L,
            true,
            Optional.of(Instant.EPOCH),
            "exited",
            List.of(ListenerName.parse("web")),
            List.of(worker));
    JsonObject written = Wire.service(service);
    assertAnswers("List", listed(written));
    assertThat(written.objects("processes").get(0).integer("pid")).isEqualTo(4711);
    assertThat(written.integer("restarts")).isEqualTo(3_000_000_000L);
  }

  @Test
  void aServiceWithoutProcessesOrTroubleIsInTheText() {
    Answer.WorkerView unborn =
        new Answer.WorkerView(
            1, new LeaseId("a-1"), 0, 1, WorkerState.STARTING, Instant.EPOCH, null);
    for (String state :
        List.of("running", "starting", "idle", "stopped", "stopping", "restarting", "failing")) {
      JsonObject written =
          Wire.service(
              new Answer.ServiceView(
                  "shop",
                  state,
                  1,
                  0,
                  1,
                  0,
                  false,
                  Optional.empty(),
                  null,
                  List.of(),
                  List.of(unborn)));
      assertAnswers("List", listed(written));
      assertThat(written.has("message") || written.has("nextStartUsec")).isFalse();
      assertThat(written.objects("processes").get(0).has("pid")).isFalse();
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyIdlePolicyCanBeAskedFor(IdlePolicy policy) {
    JsonObject request = JsonObject.of("name", "web", "spec", "80", "idle", policy.word());
    assertThatCode(() -> CONTROL.check(CONTROL.method("Listen").orElseThrow().in(), request))
        .doesNotThrowAnyException();
  }
}
