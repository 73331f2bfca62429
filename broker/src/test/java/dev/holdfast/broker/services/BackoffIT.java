package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.View;
import dev.holdfast.varlink.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A worker that dies again and again is started again and again, ever more slowly. */
@Timeout(120)
class BackoffIT {
  @RegisterExtension final Stage stage = new Stage();

  private SupervisedService crashing(String... lines) throws Exception {
    stage.become(stage.python("dies.py"));
    stage.file().listener("web").service("web", stage.app(), lines);
    stage.start();
    return stage.service("web");
  }

  @Test
  void waitsTwiceAsLongEachTimeUpToAMost() throws Exception {
    SupervisedService web = crashing("restart-delay = \"200ms\"", "restart-delay-max = \"1600ms\"");
    List<Long> starts = new ArrayList<>();
    try (Events events = stage.broker().watch()) {
      while (starts.size() < 8) {
        JsonObject event = events.await("workerStarted");
        starts.add(Long.parseLong(event.string("atUsec")) / 1000);
      }
    }
    List<Long> gaps = new ArrayList<>();
    for (int i = 1; i < starts.size(); i++) {
      gaps.add(starts.get(i) - starts.get(i - 1));
    }
    // The first that was seen may be a later one; from the fifth on it is the longest delay.
    assertThat(gaps).allMatch(gap -> gap >= 200).allMatch(gap -> gap < 1600 + 3000);
    assertThat(gaps.subList(4, 7)).allMatch(gap -> gap >= 1500);
    View view = web.awaitState("failing");
    assertThat(view.restarts()).isGreaterThanOrEqualTo(6);
    assertThat(view.message().orElse("")).contains("cannot open settings.toml");
    assertThat(view.nextStartUsec()).isPresent();
  }

  @Test
  void isShownInTheList() throws Exception {
    SupervisedService web = crashing("restart-delay = \"10s\"", "restart-delay-max = \"20s\"");
    web.awaitState("failing");
    ProgramProcess list = web.run("list");
    assertThat(list.outLines()).anyMatch(line -> line.contains("web") && line.contains("failing"));
    assertThat(list.written()).contains("cannot open settings.toml");
  }

  @Test
  void recoversByItselfAndServesWhoWaited() throws Exception {
    SupervisedService web =
        crashing("restart-delay = \"100ms\"", "restart-delay-max = \"1s\"", "workers = 2");
    web.awaitState("failing");
    try (Client waiting = Client.asking(stage.port(), "/")) {
      stage.become(stage.python("late.py", 0, "before"));
      assertThat(waiting.answer()).contains("worker late-");
    }
    View view = web.awaitRunning();
    assertThat(view.ready()).isEqualTo(2);
    assertThat(view.nextStartUsec()).isEmpty();
  }

  @Test
  void aRestartTriesAtOnce() throws Exception {
    SupervisedService web = crashing("restart-delay = \"60s\"", "restart-delay-max = \"10m\"");
    web.awaitState("failing");
    web.fail("restart", "cannot open settings.toml");
    stage.become(stage.python("late.py", 0, "before"));
    web.succeed("restart");
    assertThat(web.awaitRunning().ready()).isOne();
  }

  /** One that served for a while and is killed is replaced at once: it is no crash loop. */
  @Test
  void aWorkerThatIsKilledIsReplacedSoon() throws Exception {
    SupervisedService web =
        stage.running(
            stage.python("late.py", 0, "before"), "workers = 2", "restart-delay = \"100ms\"");
    for (int round = 0; round < 3; round++) {
      int killed = web.pids().iterator().next();
      ProgramProcess.signal(killed, ProgramProcess.SIGKILL);
      web.await(
          Duration.ofSeconds(10),
          "replaced",
          view -> view.ready() == 2 && !view.pids().contains(killed));
    }
    assertThat(web.view().restarts()).isEqualTo(3);
  }

  @Test
  void oneThatEndsWellIsStartedAgainToo() throws Exception {
    stage.becomeText("#!/bin/sh\nexit 0\n");
    stage
        .file()
        .listener("web")
        .service("web", stage.app(), "restart-delay = \"100ms\"", "restart-delay-max = \"1s\"");
    stage.start();
    SupervisedService web = stage.service("web");
    web.await("tried three times", view -> view.restarts() >= 3);
    stage.become(stage.python("late.py", 0, "before"));
    web.awaitRunning();
  }

  @Test
  void canBeStoppedWhileItWaits() throws Exception {
    SupervisedService web = crashing("restart-delay = \"30s\"", "restart-delay-max = \"60s\"");
    web.awaitState("failing");
    web.succeed("stop");
    assertThat(web.view().state()).isEqualTo("stopped");
    stage.become(stage.python("late.py", 0, "before"));
    web.succeed("start");
    assertThat(web.awaitRunning().ready()).isOne();
  }
}
