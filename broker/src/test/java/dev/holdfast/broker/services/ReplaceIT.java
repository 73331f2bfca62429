package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Workers that somebody else supervises are replaced by running the new version. */
@Timeout(120)
class ReplaceIT {
  private static final List<String> REPLACE = List.of("--service", "shop", "--replace");

  @RegisterExtension final Brokers brokers = new Brokers();
  @RegisterExtension final Stage stage = new Stage();

  private BrokerProcess broker;
  private Workers workers;

  @BeforeEach
  void start() throws Exception {
    broker = brokers.start("web");
    workers = brokers.workers(broker, "web");
  }

  @Test
  void theNewOneServesAndThenTheOldOneEnds() throws Exception {
    ProgramProcess old = workers.exec("old", REPLACE, late(0));
    awaitReady(old);
    LoadGenerator load = load();
    for (int deploy = 0; deploy < 5; deploy++) {
      ProgramProcess next = workers.exec("next" + deploy, REPLACE, late(0));
      assertThat(old.awaitEnd()).as("it was asked to: %s", old.written()).isZero();
      assertThat(lease(next).string("state")).isEqualTo("ready");
      old = next;
    }
    Stage.awaitMore(load, 20);
    Stage.endWithoutLoss(load);
  }

  @Test
  void allOlderOnesOfTheServiceEnd() throws Exception {
    List<ProgramProcess> old = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      old.add(workers.exec("old" + i, List.of("--service", "shop"), late(0)));
      awaitReady(old.get(i));
    }
    ProgramProcess bystander = workers.exec("other", List.of("--service", "other"), late(0));
    ProgramProcess nameless = workers.exec("nameless", late(0));
    awaitReady(bystander);
    awaitReady(nameless);
    ProgramProcess next = workers.exec("next", REPLACE, late(0));
    for (ProgramProcess each : old) {
      assertThat(each.awaitEnd()).as(each.written()).isZero();
    }
    assertThat(next.isAlive()).isTrue();
    assertThat(bystander.isAlive()).isTrue();
    assertThat(nameless.isAlive()).isTrue();
  }

  @Test
  void nobodyIsDrainedBeforeTheNewOneWaits() throws Exception {
    ProgramProcess old = workers.exec("old", REPLACE, late(0));
    awaitReady(old);
    LoadGenerator load = load();
    try (Events events = broker.watch()) {
      ProgramProcess next = workers.exec("next", REPLACE, late(2));
      String granted = events.await("leaseGranted").string("lease");
      JsonObject first = events.await("leaseReady", "leaseDraining", "leaseEnded");
      assertThat(first.string("kind")).isEqualTo("leaseReady");
      assertThat(first.string("lease")).isEqualTo(granted);
      assertThat(old.awaitEnd()).as(old.written()).isZero();
      assertThat(next.isAlive()).isTrue();
    }
    Stage.awaitMore(load, 20);
    Stage.endWithoutLoss(load);
  }

  @Test
  void aNewOneThatDiesReplacesNobody() throws Exception {
    ProgramProcess old = workers.exec("old", REPLACE, late(0));
    awaitReady(old);
    try (Events events = broker.watch()) {
      ProgramProcess next = workers.exec("next", REPLACE, script("dies.py"));
      assertThat(next.awaitEnd()).isEqualTo(3);
      events.await("leaseEnded");
    }
    assertThat(lease(old).string("state")).isEqualTo("ready");
    assertThat(Client.pid(workers.port())).isEqualTo(old.pid());
  }

  @Test
  void thePreferredSignalAsksTheProgramToFinish() throws Exception {
    String[] waits = {
      "/bin/sh",
      "-c",
      "trap 'echo asked by USR1; exit 7' USR1; while :; do read x </dev/null; sleep 0.05; done"
    };
    ProgramProcess old =
        workers.exec("old", List.of("--service", "shop", "--stop-signal", "USR1"), waits);
    Await.until(() -> "its lease", () -> !broker.leases().isEmpty());
    ProgramProcess next = workers.exec("next", REPLACE, late(0));
    assertThat(old.awaitEnd()).as(old.written()).isEqualTo(7);
    assertThat(old.outLines()).contains("asked by USR1");
    assertThat(next.isAlive()).isTrue();
  }

  /** It hears of it by its lease, and needs no signal. */
  @Test
  void aWorkerByTheLibraryIsDrained() throws Exception {
    ProgramProcess old = java("old");
    awaitReady(old);
    LoadGenerator load = load();
    ProgramProcess next = java("next");
    assertThat(old.awaitEnd()).as(old.written()).isZero();
    assertThat(next.isAlive()).isTrue();
    Stage.awaitMore(load, 20);
    Stage.endWithoutLoss(load);
  }

  @Test
  void aSupervisedServiceIsReplacedByNobody() throws Exception {
    SupervisedService web = stage.running(stage.python("late.py", 0, "before"));
    ProgramProcess stranger =
        web.run("exec", "--service", "web", "--replace", "web", "--", "/bin/true");
    SupervisedService.assertRefused(stranger, 1, "web");
    assertThat(web.awaitRunning().restarts()).isZero();
  }

  private LoadGenerator load() throws Exception {
    return brokers.keep(
        LoadGenerator.start(
            dev.holdfast.agent.load.LoadPlan.against(
                    new InetSocketAddress(InetAddress.getByName("127.0.0.1"), workers.port()))
                .withConcurrency(8)
                .withPerSecond(500)));
  }

  private String[] late(int seconds) throws IOException {
    return script("late.py", Integer.toString(seconds), "before");
  }

  private String[] script(String name, String... arguments) throws IOException {
    Path file = Workers.script(name, broker.directory());
    List<String> command = new ArrayList<>(List.of(Checkout.python(), file.toString()));
    command.addAll(List.of(arguments));
    return command.toArray(String[]::new);
  }

  private ProgramProcess java(String title) throws IOException {
    return workers.launch(title, Stage.java(JavaWorker.class, "shop"), Map.of());
  }

  private void awaitReady(ProgramProcess worker) {
    Await.until(
        () -> worker + " is not ready:\n" + worker.written() + broker.lastWritten(),
        () ->
            broker.leases().stream()
                .anyMatch(
                    each ->
                        each.integer("pid") == worker.pid()
                            && each.string("state").equals("ready")));
  }

  private JsonObject lease(ProgramProcess worker) throws Exception {
    return broker.leases().stream()
        .filter(each -> each.integer("pid") == worker.pid())
        .findFirst()
        .orElseThrow(() -> new AssertionError("no lease of " + worker));
  }
}
