package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.View;
import dev.holdfast.varlink.JsonObject;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What changed in the file is restarted by a rollout, and what did not is not touched. */
@Timeout(120)
class ReloadServicesIT {
  @RegisterExtension final Stage stage = new Stage();

  private SupervisedService web;
  private SupervisedService other;
  private Set<Integer> webBefore;
  private Set<Integer> otherBefore;
  private LoadGenerator load;
  private List<String> program;

  @BeforeEach
  void startBoth() throws Exception {
    program = stage.python("late.py", 0, "before");
    stage
        .file()
        .listener("web")
        .listener("other")
        .service("web", program, "workers = 2")
        .service("other", program, "listeners = [\"other\"]");
    stage.start();
    web = stage.service("web");
    other = stage.service("other");
    webBefore = web.awaitRunning().pids();
    otherBefore = other.awaitRunning().pids();
    load = stage.lightLoad();
  }

  @Test
  void theSameFileTouchesNothing() throws Exception {
    stage.reload();
    assertThat(web.view().generation()).isEqualTo(web.awaitRunning().generation());
    assertUntouched(web, webBefore);
    assertUntouched(other, otherBefore);
    Stage.endWithoutLoss(load);
  }

  @Test
  void aChangedEnvironmentIsRolledOut() throws Exception {
    stage.file().service("web", program, "workers = 2", "environment = { VERSION = \"2\" }");
    try (Events events = stage.broker().watch()) {
      stage.reload();
      assertThat(events.await("rolloutDone").string("name")).isEqualTo("web");
    }
    View after = web.awaitRunning();
    assertThat(after.pids()).hasSize(2).doesNotContainAnyElementsOf(webBefore);
    assertThat(after.changed()).isFalse();
    assertUntouched(other, otherBefore);
    Stage.endWithoutLoss(load);
  }

  @Test
  void aChangedCommandIsRolledOut() throws Exception {
    stage.file().service("web", stage.python("prefork.py", 2), "workers = 2");
    try (Events events = stage.broker().watch()) {
      stage.reload();
      events.await("rolloutDone");
    }
    assertThat(Client.get(stage.port(), "/")).contains("worker prefork-");
    assertThat(web.awaitRunning().pids()).hasSize(2).doesNotContainAnyElementsOf(webBefore);
    Stage.endWithoutLoss(load);
  }

  @Test
  void moreWorkersJoinThoseThatAreThere() throws Exception {
    stage.file().service("web", program, "workers = 4");
    stage.reload();
    View after = web.await("four ready", view -> view.ready() == 4);
    assertThat(after.pids()).containsAll(webBefore);
    Stage.endWithoutLoss(load);
  }

  @Test
  void fewerWorkersAreDrained() throws Exception {
    stage.file().service("web", program, "workers = 1");
    stage.reload();
    View after = web.await("one left", view -> view.pids().size() == 1 && view.ready() == 1);
    assertThat(webBefore).containsAll(after.pids());
    Stage.endWithoutLoss(load);
  }

  /** How it is stopped concerns the broker alone. */
  @Test
  void aChangedDeadlineNeedsNoRestart() throws Exception {
    stage.file().service("web", program, "workers = 2", "stop-timeout = \"7s\"", "surge = 2");
    stage.reload();
    assertUntouched(web, webBefore);
    assertThat(web.view().changed()).isFalse();
    Stage.endWithoutLoss(load);
  }

  @Test
  void anAddedServiceIsStarted() throws Exception {
    stage
        .file()
        .listener("third")
        .service("third", program, "listeners = [\"third\"]", "workers = 2");
    stage.reload();
    assertThat(stage.service("third").awaitRunning().ready()).isEqualTo(2);
    assertUntouched(web, webBefore);
    Stage.endWithoutLoss(load);
  }

  @Test
  void aRemovedServiceIsDrainedAndItsListenerStays() throws Exception {
    stage.file().without("service.other");
    stage.reload();
    otherBefore.forEach(Processes::awaitGone);
    assertThat(stage.broker().port("other")).isPositive();
    assertUntouched(web, webBefore);
    Stage.endWithoutLoss(load);
  }

  @Test
  void aServiceAndItsListenerAreRemovedTogether() throws Exception {
    stage.file().without("service.other").without("listener.other");
    stage.reload();
    otherBefore.forEach(Processes::awaitGone);
    assertUntouched(web, webBefore);
    Stage.endWithoutLoss(load);
  }

  @Test
  void anErrorChangesNothing() throws Exception {
    stage.file().service("web", program, "workers = 3", "stop-signal = \"TREM\"").write();
    SupervisedService.assertRefused(web.run("reload"), 78, "TREM");
    stage.file().service("web", program, "listeners = [\"nowhere\"]").write();
    SupervisedService.assertRefused(web.run("reload"), 78, "nowhere");
    stage.file().service("web", program, "wokers = 3").write();
    SupervisedService.assertRefused(web.run("reload"), 78, "wokers", "workers");
    assertUntouched(web, webBefore);
    assertUntouched(other, otherBefore);
    Stage.endWithoutLoss(load);
    stage.file().service("web", program, "workers = 2").write();
  }

  @Test
  void aNewVersionThatFailsLeavesTheOldOneServing() throws Exception {
    stage.file().service("web", stage.python("dies.py"), "workers = 2");
    JsonObject failed;
    try (Events events = stage.broker().watch()) {
      stage.reload();
      failed = events.await("rolloutFailed");
    }
    assertThat(failed.string("message")).contains("cannot open settings.toml");
    View after = web.await("as before", view -> view.pids().equals(webBefore));
    assertThat(after.changed()).as("the new version does not run").isTrue();
    assertThat(after.message().orElse("")).contains("cannot open settings.toml");

    stage.file().service("web", program, "workers = 2", "environment = { VERSION = \"3\" }");
    stage.reload();
    View mended =
        web.await(
            "mended",
            view -> view.ready() == 2 && view.pids().stream().noneMatch(webBefore::contains));
    assertThat(mended.changed()).isFalse();
    Stage.endWithoutLoss(load);
  }

  /** The second change comes while the first is being rolled out; what runs in the end is it. */
  @Test
  void aReloadDuringARolloutWins() throws Exception {
    stage.file().service("web", stage.python("late.py", 1, "before"), "workers = 2");
    try (Events events = stage.broker().watch()) {
      stage.reload();
      events.await("workerStarted");
      stage.file().service("web", stage.python("prefork.py", 2), "workers = 2");
      stage.reload();
    }
    View after =
        web.await(
            "the last one",
            view -> view.state().equals("running") && view.ready() == 2 && !view.changed());
    assertThat(after.pids()).doesNotContainAnyElementsOf(webBefore);
    for (int i = 0; i < 10; i++) {
      assertThat(Client.get(stage.port(), "/")).contains("worker prefork-");
    }
    Stage.endWithoutLoss(load);
  }

  @Test
  void aHangupIsAReload() throws Exception {
    stage.file().service("web", program, "workers = 3").write();
    ProgramProcess.signal(stage.broker().pid(), ProgramProcess.SIGHUP);
    assertThat(web.await("three ready", view -> view.ready() == 3).pids()).containsAll(webBefore);
    Stage.endWithoutLoss(load);
  }

  private static void assertUntouched(SupervisedService service, Set<Integer> pids)
      throws Exception {
    assertThat(service.awaitRunning().pids()).isEqualTo(pids);
  }
}
