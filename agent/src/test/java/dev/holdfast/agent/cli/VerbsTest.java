package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class VerbsTest {

  private static final String CONTROL = "dev.holdfast.Control.";
  private static final String WORKER = "dev.holdfast.Worker.";

  @TempDir Path directory;
  private final FakeBroker broker;

  VerbsTest() throws IOException {
    broker =
        new FakeBroker()
            .on(CONTROL + "List", Examples.LISTED)
            .on(CONTROL + "Status", Examples.STATUS)
            .on(CONTROL + "Listen", JsonObject.of("listener", Examples.WEB))
            .on(CONTROL + "Close", JsonObject.EMPTY)
            .on(CONTROL + "Drain", JsonObject.EMPTY)
            .on(WORKER + "Store", JsonObject.EMPTY);
  }

  @AfterEach
  void stop() throws IOException {
    broker.close();
  }

  private Ran run(String words) {
    return Ran.with(broker, words.split(" "));
  }

  @Test
  void adoptSaysWhichServerAndPrintsItsEndpoint() throws Exception {
    broker.on(CONTROL + "Adopt", JsonObject.of("listener", Examples.WEB, "lease", "t-1"));
    assertThat(run("adopt web --pid 4711").out()).isEqualTo("tcp:[::]:8080  lease t-1\n");
    assertThat(broker.last(CONTROL + "Adopt")).isEqualTo(JsonObject.of("name", "web", "pid", 4711));
    Ran ran =
        run(
            "adopt web --pid 7 --port 80 --endpoint tcp:[::]:80 --service shop --stop-signal QUIT"
                + " --nonblocking --json");
    assertThat(Json.parse(ran.out()).string("lease")).isEqualTo("t-1");
    assertThat(broker.last(CONTROL + "Adopt").toString())
        .isEqualTo(
            "{\"name\":\"web\",\"pid\":7,\"port\":80,\"endpoint\":\"tcp:[::]:80\","
                + "\"service\":\"shop\",\"stopSignal\":\"QUIT\",\"nonBlocking\":true}");
  }

  @Test
  void whyAServerWasNotAdoptedIsSaid() {
    broker.on(
        CONTROL + "Adopt",
        parameters -> {
          throw new VarlinkException(
              CONTROL + "AdoptFailed",
              JsonObject.of("pid", 7, "reason", "pid 7 listens on nothing"));
        });
    Ran ran = run("adopt web --pid 7");
    assertThat(ran.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ran.err()).isEqualTo("holdfast: adopt web --pid 7: pid 7 listens on nothing\n");
  }

  @Test
  void listShowsListenersLeasesAndWhatIsStored() throws Exception {
    Ran ran = run("list");
    assertThat(ran.out().lines().map(line -> line.strip().replaceAll(" +", " ")))
        .contains(
            "LISTENER ENDPOINT SPEC STATE QUEUE LEASES NOTE",
            "web tcp:[::]:8080 8080 listening 3/4096 1 -",
            "old - 0 stopped - 1 -",
            "state file 0",
            "SERVICE STATE READY/WORKERS GEN RESTARTS LISTENERS NOTE",
            "shop failing 1/2 3 4 web,app worker 6 was not ready 60000 ms after its start: Traceback;"
                + " tried again in 0s; runs an older configuration",
            "mail idle 1/2 3 4 web,app -",
            "WORKER SERVICE STATE PID GEN LEASE AGE STATUS")
        .anyMatch(line -> line.startsWith("17 web,app ready 4711 1000 shop process "))
        .anyMatch(line -> line.startsWith("7 shop starting 4712 3 18 "))
        .anyMatch(line -> line.startsWith("8 mail starting - 3 19 "));
    assertThat(Json.parse(run("list --json").out().strip())).isEqualTo(Examples.LISTED);
  }

  @Test
  void topShowsQueuesAndServicesOnce() throws Exception {
    Ran ran = run("top --once");
    assertThat(ran.err()).isEmpty();
    assertThat(ran.out().lines().map(line -> line.strip().replaceAll(" +", " ")))
        .contains(
            "LISTENER ENDPOINT STATE QUEUE LIMIT DROPS LEASES",
            "web tcp:[::]:8080 listening 3 4096 0 1")
        .anyMatch(line -> line.endsWith(" listeners 3 leases 1 services 2"))
        .anyMatch(line -> line.startsWith("shop failing 1/2 "))
        .anyMatch(line -> line.startsWith("7 shop starting 4712 "));
    assertThat(ran.out()).doesNotContain("\033");
    assertThat(Json.parse(run("top --once --json").out().strip())).isEqualTo(Examples.LISTED);
  }

  @Test
  void topGoesOnUntilTheBrokerRefuses() {
    AtomicInteger calls = new AtomicInteger();
    broker.on(
        CONTROL + "List",
        parameters -> {
          if (calls.incrementAndGet() > 3) {
            throw new VarlinkException(
                CONTROL + "NotPermitted", JsonObject.of("name", "", "right", "list"));
          }
          return new FakeBroker.Answers(List.of(Examples.LISTED), List.of());
        });
    Ran ran = run("top --interval 50ms");
    assertThat(ran.code()).isEqualTo(ExitCode.NOT_PERMITTED);
    assertThat(ran.out().lines().filter(line -> line.contains("services 2"))).hasSize(3);
  }

  @Test
  void aPictureIsCutToTheTerminal() {
    assertThat(TopVerb.cut("a\nb\nc", 3)).isEqualTo("a\nb\nc");
    assertThat(TopVerb.cut("a\nb\nc\nd", 3)).isEqualTo("a\nb\n... 2 lines more");
  }

  @Test
  void aServiceThatComesInPartsIsShownOnce() throws Exception {
    JsonObject rest =
        JsonObject.builder()
            .put("name", "shop")
            .put("processes", List.of(Examples.worker("9", "20").build()))
            .build();
    JsonObject more =
        JsonObject.builder()
            .put("listeners", List.of())
            .put("leases", List.of())
            .put("stored", List.of())
            .put("services", List.of(rest))
            .build();
    broker.on(CONTROL + "List", Examples.LISTED, more);
    List<JsonObject> services = Json.parse(run("list --json").out().strip()).objects("services");
    assertThat(services)
        .extracting(service -> service.string("name"))
        .containsExactly("shop", "mail");
    assertThat(services.get(0).objects("processes"))
        .extracting(worker -> worker.string("worker"))
        .containsExactly("7", "9");
  }

  @Test
  void statusShowsTheBrokerAndTheHealthOfListeners() throws Exception {
    Ran ran = run("status");
    assertThat(ran.out()).contains("holdfastd 0.1.0").contains("21 of 20000").contains("HEALED");
    JsonObject json = Json.parse(run("status --json").out().strip());
    assertThat(json.object("broker")).isEqualTo(Examples.STATUS);
    assertThat(json.objects("listeners")).isEqualTo(Examples.LISTED.objects("listeners"));
  }

  @Test
  void portPrintsTheNumberAlone() {
    assertThat(run("port web").out()).isEqualTo("8080\n");
    assertThat(run("port old").out()).isEqualTo("0\n");
    assertThat(run("port web --json").out())
        .isEqualTo("{\"name\":\"web\",\"port\":8080,\"endpoint\":\"tcp:[::]:8080\"}\n");
    assertThat(run("port app").err()).contains("it has no port: it is bound to unix:/run/a");
    assertThat(run("port app").code()).isEqualTo(ExitCode.REFUSED);
    assertThat(run("port nosuch").err()).contains("no listener is named nosuch");
    assertThat(run("port nosuch").code()).isEqualTo(ExitCode.REFUSED);
  }

  @Test
  void listenSendsWhatWasAskedForAndNothingElse() {
    assertThat(run("listen web 8080").out()).isEqualTo("tcp:[::]:8080\n");
    assertThat(broker.last(CONTROL + "Listen"))
        .isEqualTo(JsonObject.of("name", "web", "spec", "8080"));
    Ran ran =
        run(
            "listen web -host:80 --backlog 7 --blocking --idle refuse --companion --allow uid:1"
                + " --allow group:web --json");
    assertThat(ran.code()).isEqualTo(ExitCode.OK);
    assertThat(broker.last(CONTROL + "Listen").toString())
        .isEqualTo(
            "{\"name\":\"web\",\"spec\":\"-host:80\",\"backlog\":7,\"blocking\":true,"
                + "\"idle\":\"refuse\",\"companion\":true,\"allow\":[\"uid:1\",\"group:web\"]}");
  }

  @Test
  void closeSaysNothingUnlessAsked() {
    assertThat(run("close web").out()).isEmpty();
    assertThat(run("close web --json").out()).isEqualTo("{\"name\":\"web\"}\n");
  }

  @Test
  void drainTurnsTheDeadlineIntoAMoment() {
    Instant before = Instant.now().plusSeconds(10);
    assertThat(run("drain 17 --deadline 10s").code()).isEqualTo(ExitCode.OK);
    Instant deadline = Listing.moment(broker.last(CONTROL + "Drain").string("deadlineUsec"));
    assertThat(deadline).isBetween(before.minusMillis(1), before.plusSeconds(30));
    assertThat(run("drain 17 --json").out()).isEqualTo("{\"lease\":\"17\"}\n");
  }

  @Test
  void reloadPrintsALineForEachChange() {
    broker.on(
        CONTROL + "Reload",
        JsonObject.builder()
            .put("added", List.of("a", "b"))
            .put("changed", List.of())
            .put("removed", List.of("c"))
            .put(
                "services",
                JsonObject.of("added", List.of(), "changed", List.of("a"), "removed", List.of()))
            .build());
    assertThat(run("reload").out()).isEqualTo("added a\nadded b\nremoved c\nchanged service a\n");
  }

  @Test
  void aBrokenConfigurationIs78WithFileAndLine() {
    broker.on(
        CONTROL + "Reload",
        parameters -> {
          throw new VarlinkException(
              CONTROL + "ReloadFailed",
              JsonObject.of("file", "/etc/h.toml", "line", 7, "message", "no key \"liten\""));
        });
    Ran ran = run("reload");
    assertThat(ran.code()).isEqualTo(ExitCode.CONFIG);
    assertThat(ran.err())
        .isEqualTo("holdfast: reload: /etc/h.toml:7: no key \"liten\"; nothing was changed\n");
  }

  @Test
  void watchPrintsTheSnapshotAndEachEvent() {
    JsonObject event =
        JsonObject.builder()
            .put("kind", "leaseEnded")
            .put("name", "web")
            .put("lease", "17")
            .put("message", "holder exited")
            .put("atUsec", "1700000000123456")
            .build();
    broker.on(
        CONTROL + "Watch",
        JsonObject.of("listeners", List.of(Examples.WEB), "leases", List.of()),
        JsonObject.of("event", event));
    assertThat(run("watch").out())
        .contains("tcp:[::]:8080")
        .endsWith("2023-11-14T22:13:20.123Z leaseEnded web lease=17: holder exited\n");
    assertThat(run("watch --json").out().lines()).hasSize(2);
  }

  @Test
  void aRefusalIsInJsonToo() throws Exception {
    broker.on(
        CONTROL + "Close",
        parameters -> {
          throw new VarlinkException(
              CONTROL + "NotPermitted", JsonObject.of("name", "web", "right", "close"));
        });
    Ran ran = run("close web --json");
    assertThat(ran.code()).isEqualTo(ExitCode.NOT_PERMITTED);
    JsonObject error = Json.parse(ran.err().strip());
    assertThat(error.string("error")).isEqualTo(CONTROL + "NotPermitted");
    assertThat(error.integer("exitCode")).isEqualTo(77);
  }

  @Test
  void anAnswerThatIsNotAsDescribedIsTheBrokersFault() {
    broker.on(CONTROL + "List", JsonObject.of("listeners", "none"));
    Ran ran = run("list");
    assertThat(ran.code()).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(ran.err()).contains("is not what its interface says: listeners: expected an array");
  }

  @Test
  void storeSendsTheFile() throws Exception {
    Path file = Files.writeString(directory.resolve("state"), "kept");
    assertThat(run("store state " + file).code()).isEqualTo(ExitCode.OK);
    assertThat(broker.last(WORKER + "Store").string("name")).isEqualTo("state");
    assertThat(run("store state " + directory + "/absent").err()).contains("ENOENT");
    assertThat(run("store state --fd 9999").err()).contains("EBADF");
  }

  @Test
  void retrieveCopiesAFileFromItsStartWhereverItsOffsetIs() throws Exception {
    String content = "x".repeat(100_000) + "end";
    Path file = Files.writeString(directory.resolve("state"), content);
    OwnedFd descriptor = OwnedFd.openForReading(file.toString());
    int moved = descriptor.read(java.nio.ByteBuffer.allocate(70_000));
    assertThat(moved).isPositive();
    broker.on(
        WORKER + "Retrieve",
        parameters ->
            new FakeBroker.Answers(
                List.of(JsonObject.of("fileDescriptorIndex", 0)), List.of(descriptor.dup())));
    assertThat(run("retrieve state").out()).isEqualTo(content);
    assertThat(run("retrieve state --remove").out()).isEqualTo(content);
    assertThat(broker.last(WORKER + "Retrieve").bool("remove")).isTrue();
    descriptor.close();
  }

  @Test
  void retrieveDoesNotCopyASocket() {
    broker.on(
        WORKER + "Retrieve",
        parameters ->
            new FakeBroker.Answers(
                List.of(JsonObject.of("fileDescriptorIndex", 0)),
                List.of(dev.holdfast.fd.Sockets.openUnix(dev.holdfast.fd.Sockets.Kind.STREAM))));
    Ran ran = run("retrieve state");
    assertThat(ran.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ran.err()).contains("no content to copy; give it to a program with -- PROGRAM");
  }
}
