package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ProveVerbTest {

  private static final String CONTROL = "dev.holdfast.Control.";

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 1024);
  private final FakeBroker broker;

  ProveVerbTest() throws IOException {
    server.createContext(
        "/",
        exchange -> {
          try (exchange) {
            exchange.getResponseHeaders().add("X-Worker", "shop-1");
            byte[] body = "ok\n".getBytes(ISO_8859_1);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
          }
        });
    server.setExecutor(threads);
    server.start();
    // In two parts, as a large listing comes.
    broker =
        new FakeBroker()
            .on(
                CONTROL + "List",
                JsonObject.of(
                    "listeners",
                    List.of(
                        listener("web", "tcp:127.0.0.1:" + server.getAddress().getPort()),
                        listener("far", "tcp:192.0.2.1:80"),
                        listener("names", "udp:127.0.0.1:53"),
                        listener("hidden", "unix:@hidden"),
                        listener("both", "tcp:127.0.0.1:1"),
                        Examples.STOPPED),
                    "leases",
                    List.of(),
                    "stored",
                    List.of()),
                JsonObject.of(
                    "services", List.of(service("shop", "web", "both"), service("blog", "both"))))
            .on(
                CONTROL + "Restart",
                step("begun", "shop restarts"),
                step("killed", "worker 1 did not end in 10 s"),
                step("done", "shop was restarted"));
  }

  @AfterEach
  void stop() throws IOException {
    broker.close();
    server.stop(0);
    threads.shutdownNow();
  }

  private static JsonObject listener(String name, String endpoint) {
    return JsonObject.builder()
        .put("name", name)
        .put("spec", endpoint)
        .put("endpoint", endpoint)
        .put("state", "listening")
        .build();
  }

  private static JsonObject service(String name, String... listeners) {
    return JsonObject.of("name", name, "state", "running", "listeners", List.of(listeners));
  }

  private static JsonObject step(String name, String message) {
    return JsonObject.of(
        "step",
        JsonObject.builder()
            .put("step", name)
            .put("service", "shop")
            .put("message", message)
            .put("atUsec", "1700000000000000")
            .build());
  }

  private Ran run(String words) {
    return Ran.with(broker, words.split(" "));
  }

  @Test
  void restartsTheServiceOfTheListenerUnderLoadAndReports() {
    Ran ran = run("prove web --restarts 1 --connections 4");

    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isEqualTo(ExitCode.OK);
    assertThat(broker.last(CONTROL + "Restart")).isEqualTo(JsonObject.of("service", "shop"));
    assertThat(ran.out())
        .startsWith("storming web at 127.0.0.1:")
        .contains("restart 1 of 1: done after ")
        .contains("shop-1 ")
        .contains("KILLED 1: worker 1 did not end in 10 s")
        .endsWith("Nothing was lost. shop was restarted once.\n");
    assertThat(ran.out()).matches(text -> text.chars().allMatch(c -> c < 0x7f), "plain ASCII");
  }

  @Test
  void waitsForTheFirstWorkerOfAServiceThatIsStarting() {
    AtomicInteger looks = new AtomicInteger();
    JsonObject web = listener("web", "tcp:127.0.0.1:" + server.getAddress().getPort());
    broker.on(
        CONTROL + "List",
        parameters -> {
          boolean starting = looks.incrementAndGet() < 4;
          JsonObject service =
              JsonObject.builder()
                  .put("name", "shop")
                  .put("state", starting ? "starting" : "running")
                  .put("ready", starting ? 0L : 1L)
                  .put("listeners", List.of("web"))
                  .build();
          return new FakeBroker.Answers(
              List.of(JsonObject.of("listeners", List.of(web), "services", List.of(service))),
              List.of());
        });

    Ran ran = run("prove web --restarts 1 --connections 4");

    assertThat(ran.code()).isEqualTo(ExitCode.OK);
    assertThat(looks).hasValue(4);
    assertThat(ran.out()).startsWith("waiting for a worker of shop to be ready\nstorming web at ");
  }

  @Test
  void aRestartThatFailsIs1InTwoLinesAndJsonSaysItToo() throws Exception {
    broker.on(
        CONTROL + "Restart",
        parameters -> {
          throw new VarlinkException(
              CONTROL + "RestartFailed",
              JsonObject.of("service", "shop", "reason", "it was not ready in 30 s"));
        });
    Ran ran = run("prove web --keepalive --connections 2 --rate 50 --path /health --json");

    assertThat(ran.code()).isEqualTo(ExitCode.REFUSED);
    JsonObject json = Json.parse(ran.out().strip());
    assertThat(json.bool("passed")).isFalse();
    assertThat(json.strings("verdict")).hasSize(2);
    assertThat(json.strings("verdict").get(0)).contains("it was not ready in 30 s");
    assertThat(json.string("path")).isEqualTo("/health");
    assertThat(json.integer("rateLimit")).isEqualTo(50);
    assertThat(json.object("restarts").integer("planned")).isEqualTo(5);
    assertThat(json.object("restarts").integer("done")).isZero();
    assertThat(json.object("lost").integer("all")).isZero();
  }

  @Test
  void stormsAloneWhereNothingIsToBeRestarted() {
    Ran ran = run("prove web --restarts 0 --seconds 1 --connections 2");

    assertThat(ran.code()).isEqualTo(ExitCode.OK);
    assertThat(ran.out()).endsWith("Nothing was lost. Nothing was restarted: --restarts 0.\n");
    assertThat(broker.calls).noneMatch(call -> call.method().equals(CONTROL + "Restart"));
  }

  @ParameterizedTest
  @CsvSource({
    "prove nosuch, 1, no listener is named nosuch",
    "prove old, 1, bound to nothing",
    "prove web --service nosuch, 1, nosuch",
    "prove both, 64, 'several services have it (shop, blog)'",
    "prove far, 64, say --remote",
    "prove names, 64, no stream listener",
    "prove hidden, 64, abstract address"
  })
  void whatCannotBeProvedIsSaidBeforeAnythingIsDone(String words, int code, String reason) {
    Ran ran = run(words);

    assertThat(ran.code().number()).isEqualTo(code);
    assertThat(ran.err()).startsWith("holdfast: prove ").contains(reason);
    assertThat(ran.err().lines()).hasSize(1);
    assertThat(ran.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prove",
        "prove web --connections 1025",
        "prove web --connections 0",
        "prove web --restarts -1",
        "prove web --seconds 0",
        "prove web --rate 0",
        "prove web --path health",
        "prove web --plain --keepalive",
        "prove web --plain --path /"
      })
  void aWrongCommandLineIs64(String words) {
    Ran ran = run(words);

    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err().lines()).hasSize(1);
    assertThat(broker.calls).isEmpty();
  }

  @Test
  void withoutABrokerItIs69() {
    assertThat(Ran.alone("prove", "web").code()).isEqualTo(ExitCode.UNAVAILABLE);
  }
}
