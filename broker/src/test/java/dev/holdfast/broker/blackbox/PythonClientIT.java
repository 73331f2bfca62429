package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.InterfaceDescription;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol is what its text says: enough for a short client, and no more and no less. */
@Tag("unprivileged")
@Timeout(60)
class PythonClientIT {
  private static final int MOST_LINES = 25;
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @RegisterExtension final Brokers brokers = new Brokers();

  @Test
  void aShortClientInPythonAcquiresAndAccepts() throws Exception {
    BrokerProcess broker = brokers.start("web");
    Workers workers = brokers.workers(broker, "web");
    Path client = Workers.script("acquire.py", broker.directory());
    assertThat(Files.readAllLines(client)).hasSizeLessThanOrEqualTo(MOST_LINES);

    ProgramProcess worker =
        workers.launch(
            "py",
            List.of(Checkout.python(), client.toString(), broker.socket().toString(), "web"),
            Map.of());
    workers.awaitAccepting(worker);

    JsonObject lease = broker.leases().get(0);
    assertThat(lease.integer("pid")).isEqualTo(worker.pid());
    assertThat(lease.string("state")).isEqualTo("ready");
  }

  @ParameterizedTest
  @ValueSource(strings = {"dev.holdfast.Worker", "dev.holdfast.Control", "org.varlink.service"})
  void servesTheTextOfAnInterfaceByteByByte(String name) throws Exception {
    BrokerProcess broker = brokers.start();
    try (VarlinkClient client = broker.connect();
        Answer answer =
            client.call(
                "org.varlink.service.GetInterfaceDescription",
                JsonObject.of("interface", name),
                PATIENCE);
        var resource =
            InterfaceDescription.class.getResourceAsStream(
                "/dev/holdfast/varlink/" + name + ".varlink")) {
      assertThat(resource).isNotNull();
      assertThat(answer.parameters().string("description").getBytes(StandardCharsets.UTF_8))
          .isEqualTo(resource.readAllBytes());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dev.holdfast.Worker", "dev.holdfast.Control", "org.varlink.service"})
  void dispatchesWhatTheTextDeclaresAndNothingElse(String name) throws Exception {
    BrokerProcess broker = brokers.start();
    InterfaceDescription text = InterfaceDescription.loadResource(name);
    List<String> notDispatched = new ArrayList<>();
    for (String method : text.methods().keySet()) {
      String error = errorOf(broker, name + "." + method, harmless(method));
      if (error.endsWith(".MethodNotFound") || error.endsWith(".MethodNotImplemented")) {
        notDispatched.add(method + ": " + error);
      }
      assertThat(errorOf(broker, name + "." + method + "X", JsonObject.EMPTY))
          .isEqualTo("org.varlink.service.MethodNotFound");
    }
    assertThat(notDispatched).isEmpty();
    assertThat(errorOf(broker, name + "X.List", JsonObject.EMPTY))
        .isEqualTo("org.varlink.service.InterfaceNotFound");
  }

  @Test
  void listsTheInterfacesThatItSpeaks() throws Exception {
    BrokerProcess broker = brokers.start();
    try (VarlinkClient client = broker.connect();
        Answer answer = client.call("org.varlink.service.GetInfo", JsonObject.EMPTY, PATIENCE)) {
      assertThat(answer.parameters().strings("interfaces"))
          .containsExactly("dev.holdfast.Control", "dev.holdfast.Worker", "org.varlink.service");
    }
  }

  @Test
  void refusesAnUnknownListenerByName() throws Exception {
    BrokerProcess broker = brokers.start();
    try (VarlinkClient client = broker.connect()) {
      VarlinkException refused =
          catchThrowableOfType(
              VarlinkException.class,
              () ->
                  client
                      .call(
                          "dev.holdfast.Worker.Acquire",
                          JsonObject.of("listeners", List.of("nothing")),
                          PATIENCE)
                      .close());
      assertThat(refused.error()).isEqualTo("dev.holdfast.Worker.NoSuchListener");
      assertThat(refused.parameters().string("name")).isEqualTo("nothing");
    }
  }

  /** What a method does nothing with: none, but for the one that would replace the broker. */
  private static JsonObject harmless(String method) {
    return method.equals("Upgrade") ? JsonObject.of("program", "no path") : JsonObject.EMPTY;
  }

  /** The error of a call, "" when it has none. Each on its own connection. */
  private static String errorOf(BrokerProcess broker, String method, JsonObject parameters)
      throws Exception {
    try (VarlinkClient client = broker.connect()) {
      client.call(method, parameters, PATIENCE).close();
      return "";
    } catch (VarlinkException e) {
      return e.error();
    }
  }
}
