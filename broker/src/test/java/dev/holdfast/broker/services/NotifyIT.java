package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.Member;
import dev.holdfast.broker.testing.SupervisedService.View;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a worker says on its notify socket, as sd_notify(3) has it. */
@Timeout(120)
class NotifyIT {
  @RegisterExtension final Stage stage = new Stage();

  private SupervisedService talking(String... lines) throws Exception {
    stage.become(stage.python("says.py", "READY=1\nSTATUS=Up"));
    return stage.running(stage.app(), lines);
  }

  /** Has the worker that answers say this; returns its pid. */
  private int say(String message) throws Exception {
    return ask("/say?" + URLEncoder.encode(message, StandardCharsets.UTF_8).replace("+", "%20"));
  }

  private int ask(String path) throws Exception {
    return Client.pidIn(Client.get(stage.port(), path));
  }

  private String told(String path) throws Exception {
    String body = Client.get(stage.port(), path);
    return body.substring(body.indexOf('\n') + 1).strip();
  }

  @Test
  void theStatusIsShown() throws Exception {
    SupervisedService web = talking("ready = \"notify\"");
    awaitStatus(web, "Up");
    say("STATUS=Serving 17 clients");
    awaitStatus(web, "Serving 17 clients");
    assertThat(web.run("list").written()).contains("Serving 17 clients");
    // Nobody's terminal is steered by it.
    say("STATUS=\033[2Jred");
    web.await("another status", view -> !status(view).equals("Serving 17 clients"));
    assertThat(web.run("list").written()).doesNotContain("\033[2J");
  }

  @Test
  void eachWorkerSpeaksForItselfAlone() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "workers = 3");
    Map<Integer, String> said = new HashMap<>();
    for (int i = 0; i < 300 && said.size() < 3; i++) {
      String status = "I am number " + i;
      said.put(say("STATUS=" + status), status);
    }
    View view =
        web.await(
            "their statuses",
            each -> each.members().stream().allMatch(member -> isSaid(member, said)));
    assertThat(view.members()).hasSize(3);
  }

  private static boolean isSaid(Member member, Map<Integer, String> said) {
    return member.status().equals(Optional.of(said.getOrDefault(member.pid(), "Up")));
  }

  /** The old one's READY=1 must not make the new one ready. */
  @Test
  void theWordOfOneIsNotTakenForAnothers() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "ready-timeout = \"3s\"");
    int old = web.pid();
    stage.become(stage.python("says.py", "STATUS=I do not say it"));
    try (Events events = stage.broker().watch()) {
      ProgramProcess restart = stage.begin("restart", "web");
      events.await("workerStarted");
      String socketOfTheOld = environment(old, "NOTIFY_SOCKET");
      for (String message : List.of("READY=1", "READY=1\nSTATUS=twice", "READY=1")) {
        ProgramProcess sender =
            stage.program(
                "sender",
                Checkout.python(),
                "-c",
                "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
                    + ".sendto(sys.argv[1].encode(), sys.argv[2])",
                message,
                socketOfTheOld);
        assertThat(sender.awaitEnd()).as(sender.written()).isZero();
      }
      assertThat(restart.awaitEnd()).as(restart.written()).isOne();
    }
    web.await("as before", view -> view.pids().equals(java.util.Set.of(old)));
  }

  @Test
  void stoppingIsBelieved() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "stop-timeout = \"1s\"");
    int before = web.pid();
    try (Events events = stage.broker().watch()) {
      assertThat(say("STOPPING=1\nSTATUS=Saving")).isEqualTo(before);
      events.await("workerStopping");
    }
    web.await(
        "another is ready",
        view -> view.members("ready").stream().anyMatch(member -> member.pid() != before));
  }

  @Test
  void theMainProcessCanBeAnotherOneOfItsOwn() throws Exception {
    SupervisedService web = talking("ready = \"notify\"");
    int parent = web.pid();
    int child = Integer.parseInt(told("/fork").lines().findFirst().orElseThrow());
    assertThat(Processes.of(child).orElseThrow().parent()).isEqualTo(parent);
    say("MAINPID=" + child);
    web.await("followed", view -> view.pids().contains(child));

    ProgramProcess.signal(child, ProgramProcess.SIGKILL);

    web.await(
        "started again",
        view -> view.ready() == 1 && !view.pids().contains(child) && !view.pids().contains(parent));
    Processes.awaitGone(parent);
  }

  @Test
  void nobodyElsesProcessBecomesTheMainOne() throws Exception {
    SupervisedService web = talking("ready = \"notify\"");
    int pid = web.pid();
    for (String foreign :
        new String[] {"1", "0", "-1", Long.toString(ProcessHandle.current().pid()), "99999999"}) {
      say("MAINPID=" + foreign);
    }
    say("MAINPID=" + stage.broker().pid());
    say("STATUS=after");
    awaitStatus(web, "after");
    assertThat(web.pid()).isEqualTo(pid);
  }

  @Test
  void whatIsStoredComesBackToTheNextWorkers() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "stored = 2");
    assertThat(told("/kept")).isEqualTo("nothing");
    ask("/store?sessions");
    ask("/store?cache");
    ask("/store?third");
    say("STATUS=stored");
    awaitStatus(web, "stored");
    web.restart();
    assertThat(told("/kept").split(" "))
        .containsExactlyInAnyOrder("sessions=sessions", "cache=cache");

    say("FDSTOREREMOVE=1\nFDNAME=cache");
    say("STATUS=removed");
    awaitStatus(web, "removed");
    ProgramProcess.signal(web.pid(), ProgramProcess.SIGKILL);
    web.await("started again", view -> view.restarts() == 1 && view.ready() == 1);
    assertThat(told("/kept")).as("also after a crash").isEqualTo("sessions=sessions");
    say("FDSTOREREMOVE=1\nFDNAME=sessions");
    say("STATUS=empty");
    awaitStatus(web, "empty");
  }

  @Test
  void aServiceWithoutRoomStoresNothing() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "stored = 0");
    for (int i = 0; i < 30; i++) {
      ask("/store?n" + i);
    }
    say("STATUS=after");
    awaitStatus(web, "after");
    web.restart();
    assertThat(told("/kept")).isEqualTo("nothing");
  }

  @Test
  void oneThatKeepsItsWatchdogQuietLives() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "watchdog = \"1s\"");
    int pid = web.pid();
    try (Events events = stage.broker().watch()) {
      long end = System.nanoTime() + Duration.ofSeconds(4).toNanos();
      for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
        Optional<JsonObject> event = events.next(Duration.ofNanos(left));
        assertThat(event.map(each -> each.string("kind")).orElse(""))
            .isNotIn("workerKilled", "workerFailed", "workerExited");
      }
    }
    assertThat(web.pid()).isEqualTo(pid);
  }

  @Test
  void oneThatHangsIsReplaced() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "watchdog = \"1s\"", "workers = 2");
    int hung = ask("/hang");
    View after = web.await("replaced", view -> !view.pids().contains(hung) && view.ready() == 2);
    assertThat(after.restarts()).isOne();
    Processes.awaitGone(hung);
    assertThat(String.join("\n", stage.broker().stderr())).containsIgnoringCase("watchdog");
  }

  @Test
  void oneThatAsksForItsEndGetsIt() throws Exception {
    SupervisedService web = talking("ready = \"notify\"", "watchdog = \"60s\"");
    int gone = say("WATCHDOG=trigger");
    web.await("replaced", view -> !view.pids().contains(gone) && view.ready() == 1);
  }

  @Test
  void aSlowStartCanAskForMoreTime() throws Exception {
    stage.becomeText(
        "#!/bin/sh\n"
            + "exec "
            + String.join(" ", stage.python("says.py"))
            + " \"EXTEND_TIMEOUT_USEC=30000000\"\n");
    stage
        .file()
        .listener("web")
        .service("web", stage.app(), "ready = \"notify\"", "ready-timeout = \"1s\"");
    stage.start();
    SupervisedService web = stage.service("web");
    try (Events events = stage.broker().watch()) {
      int pid = ask("/");
      Optional<JsonObject> event = events.next(Duration.ofMillis(2500));
      assertThat(event.map(each -> each.string("kind")).orElse(""))
          .isNotIn("workerKilled", "workerFailed", "workerExited");
      assertThat(say("READY=1")).isEqualTo(pid);
      assertThat(web.awaitRunning().pids()).containsExactly(pid);
    }
  }

  @Test
  void garbageHarmsNobody() throws Exception {
    SupervisedService web = talking("ready = \"notify\"");
    int pid = web.pid();
    BrokerProcess broker = stage.broker();
    long before = broker.fdCount();
    for (int i = 0; i < 30; i++) {
      // Some of it is refused by the kernel already, and then the worker gives up on its answer.
      try (Client client = Client.asking(stage.port(), "/garbage")) {
        var unused = client.answer();
      } catch (IOException e) {
        assertThat(e).hasMessageContaining("not a good answer");
      }
    }
    say("STATUS=after");
    awaitStatus(web, "after");
    assertThat(web.pid()).isEqualTo(pid);
    assertThat(broker.fdCount()).isLessThanOrEqualTo(before + 1);
  }

  private static String environment(int pid, String name) throws IOException {
    String all = Files.readString(Path.of("/proc/" + pid + "/environ"));
    return Arrays.stream(all.split("\0", -1))
        .filter(each -> each.startsWith(name + "="))
        .map(each -> each.substring(name.length() + 1))
        .findFirst()
        .orElseThrow();
  }

  private static String status(View view) {
    return view.members().stream().map(member -> member.status().orElse("")).findFirst().orElse("");
  }

  private static void awaitStatus(SupervisedService web, String status) throws Exception {
    web.await("status " + status, view -> status(view).equals(status));
  }
}
