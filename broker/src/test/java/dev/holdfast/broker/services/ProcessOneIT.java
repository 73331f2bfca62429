package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** As in a container: the broker is process 1 of its pid namespace, and nobody supervises it. */
@Timeout(120)
class ProcessOneIT {
  @RegisterExtension final Stage stage = new Stage();

  private BrokerProcess startAsProcessOne() throws Exception {
    BrokerProcess broker =
        stage.start(
            Options.none()
                .under(
                    Checkout.installed("unshare", "util-linux"),
                    "--pid",
                    "--fork",
                    "--mount-proc",
                    "--kill-child"));
    assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid")).isEqualTo(1);
    return broker;
  }

  @Test
  void servicesAreRestartedWithoutLoss() throws Exception {
    stage
        .file()
        .listener("web")
        .listener("blocking", "blocking = true")
        .service("web", stage.python("prefork.py", 2), "workers = 2")
        .service("naive", stage.python("naive.py"), "listeners = [\"blocking\"]");
    startAsProcessOne();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    SupervisedService naive = stage.service("naive");
    naive.awaitRunning();
    LoadGenerator load = stage.lightLoad();
    for (int i = 0; i < 3; i++) {
      web.restart();
      naive.restart();
    }
    Stage.endWithoutLoss(load);
  }

  @Test
  void orphansAreReaped() throws Exception {
    stage.file().listener("web").service("web", stage.python("orphans.py"));
    BrokerProcess broker = startAsProcessOne();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    for (int i = 0; i < 20; i++) {
      assertThat(Client.get(stage.port(), "/")).contains("worker orphans-");
    }
    Await.until(
        () -> "no zombies: " + broker.zombies(),
        () ->
            broker.zombies().isEmpty()
                && Processes.childrenOf(broker.pid()).size() == 1 // the worker alone
        );
    web.restart();
  }

  /** The same without being process 1, since the broker takes orphans of its workers over. */
  @Test
  void orphansAreReapedByAnyBroker() throws Exception {
    SupervisedService web = stage.running(stage.python("orphans.py"));
    BrokerProcess broker = stage.broker();
    for (int i = 0; i < 20; i++) {
      assertThat(Client.get(stage.port(), "/")).contains("worker orphans-");
    }
    Await.until(() -> "no zombies: " + broker.zombies(), () -> broker.zombies().isEmpty());
    web.restart();
  }

  @Test
  void aDaemonIsFollowedHereToo() throws Exception {
    Path pids = stage.directory().resolve("pids");
    stage.file().listener("web").service("web", stage.python("background.py", pids));
    startAsProcessOne();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    int daemon = Client.pid(stage.port());
    assertThat(web.await("followed", view -> view.pids().contains(daemon)).restarts()).isZero();
    web.restart();
    assertThat(Client.pid(stage.port())).isNotEqualTo(daemon);
  }

  @Test
  void termDrainsEverythingAndEndsWell() throws Exception {
    stage
        .file()
        .listener("web", "blocking = true")
        .listener("other")
        .service("web", stage.python("naive.py", 1), "workers = 2")
        .service("other", stage.python("patient.py", 0, 1), "listeners = [\"other\"]");
    BrokerProcess broker = startAsProcessOne();
    stage.service("web").awaitRunning();
    stage.service("other").awaitRunning();
    List<Integer> all = new ArrayList<>();
    Processes.childrenOf(broker.pid()).forEach(each -> all.add(each.pid()));
    assertThat(all).hasSize(3);
    List<Client> slow = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      slow.add(stage.keep(Client.asking(stage.port(), "/")));
    }
    awaitBothAccepted();

    ProgramProcess.signal(broker.pid(), ProgramProcess.SIGTERM);

    for (Client each : slow) {
      assertThat(each.answer()).as("what was accepted is answered").contains("worker naive-");
    }
    assertThat(broker.process().awaitEnd()).as(broker.process().written()).isZero();
    all.forEach(Processes::awaitGone);
    String log = String.join("\n", broker.stderr());
    assertThat(log).doesNotContain("\tat ", "KILLED");
    assertThat(broker.terminate()).isZero();
  }

  @Test
  void aSecondTermDoesNotWait() throws Exception {
    stage
        .file()
        .listener("web")
        .service("web", stage.python("patient.py", 0, 100), "stop-timeout = \"90s\"");
    BrokerProcess broker = startAsProcessOne();
    SupervisedService web = stage.service("web");
    web.awaitRunning();
    try (BrokerProcess.Events events = broker.watch()) {
      ProgramProcess.signal(broker.pid(), ProgramProcess.SIGTERM);
      events.await("workerStopping");
      ProgramProcess.signal(broker.pid(), ProgramProcess.SIGTERM);
    }
    broker.process().awaitEnd(); // long before the ninety seconds of the service
    var unused = broker.terminate();
  }

  /** Also outside of a container: the workers are the broker's, and end with it, well. */
  @Test
  void termOfAnyBrokerEndsItsServices() throws Exception {
    SupervisedService web = stage.running(stage.python("patient.py", 0, 1), "workers = 3");
    BrokerProcess broker = stage.broker();
    List<Integer> pids = List.copyOf(web.pids());
    assertThat(broker.terminate()).as(broker.process().written()).isZero();
    assertThat(pids).allMatch(Processes::isGone);
    assertThat(Path.of(broker.socket() + ".notify")).as("of the notify sockets").doesNotExist();
  }

  /** Both naive workers are busy when nothing is left in the queue. */
  private void awaitBothAccepted() {
    Await.until(
        () -> "an empty queue",
        () -> stage.broker().listener("web").optionalInteger("queueLength").orElse(0) == 0);
  }
}
