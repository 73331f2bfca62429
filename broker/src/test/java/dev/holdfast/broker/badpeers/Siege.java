package dev.holdfast.broker.badpeers;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A broker under attack, with a neighbour that must not notice. After the test the neighbour has
 * waited for nothing, the broker holds the descriptors that it held before, and ends well.
 */
final class Siege implements AfterEachCallback {

  static final String NOBODY = "65534";
  static final String WORKER = "dev.holdfast.Worker.";
  static final String CONTROL = "dev.holdfast.Control.";

  private final List<AutoCloseable> resources = new ArrayList<>();
  private final List<Neighbour> neighbours = new ArrayList<>();

  /** A broker with a listener web and the given lines of its section of the configuration. */
  BrokerProcess start(String... brokerLines) throws Exception {
    return start(BrokerProcess.Options.none(), "", brokerLines);
  }

  BrokerProcess start(BrokerProcess.Options options, String rest, String... brokerLines)
      throws Exception {
    BrokerProcess broker = startAlone(options, rest, brokerLines);
    neighbours.add(Neighbour.of(broker.socket()));
    return broker;
  }

  /** Without a neighbour: where all are refused for a while. */
  BrokerProcess startAlone(BrokerProcess.Options options, String rest, String... brokerLines)
      throws Exception {
    Path directory = BrokerProcess.newDirectory();
    Path config = directory.resolve("holdfast.toml");
    Files.write(
        config,
        ("[broker]\n"
                + String.join("\n", brokerLines)
                + "\n[listener.web]\nlisten = \"127.0.0.1:0W\"\n"
                + rest)
            .getBytes(UTF_8));
    BrokerProcess broker =
        BrokerProcess.start(options.with("--config", config.toString()), directory);
    resources.add(0, broker);
    return broker;
  }

  <T extends AutoCloseable> T keep(T resource) {
    resources.add(0, resource);
    return resource;
  }

  /** Runs a script of the resources beside this class, as a user; kept until the test ends. */
  ProgramProcess script(String uid, BrokerProcess broker, String script, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    if (!uid.equals("0")) {
      Assumptions.assumeTrue(Checkout.isRoot(), "only root can become another user");
      command.addAll(
          List.of(
              Checkout.installed("setpriv", "util-linux"),
              "--reuid=" + uid,
              "--regid=" + uid,
              "--clear-groups"));
    }
    command.add(Checkout.python());
    command.add(copied(script, broker.directory()).toString());
    command.add(broker.socket().toString());
    command.addAll(List.of(arguments));
    return keep(ProgramProcess.start(script, command, Map.of()));
  }

  /** Runs a script to its end, and returns its lines. */
  List<String> run(String uid, BrokerProcess broker, String script, String... arguments)
      throws IOException {
    ProgramProcess process = script(uid, broker, script, arguments);
    assertThat(process.awaitEnd()).as("%s: %s", script, process.written()).isZero();
    return process.outLines();
  }

  private static Path copied(String name, Path directory) throws IOException {
    Path file = directory.resolve(name);
    if (!Files.exists(file)) {
      try (var stream =
          Workers.class.getResourceAsStream("/dev/holdfast/broker/badpeers/" + name)) {
        assertThat(stream).as("resource %s", name).isNotNull();
        Files.write(file, stream.readAllBytes());
      }
    }
    return file;
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    List<Throwable> problems = new ArrayList<>();
    for (Neighbour neighbour : neighbours) {
      attempt(problems, neighbour);
    }
    for (AutoCloseable resource : resources) {
      if (resource instanceof BrokerProcess broker && broker.process().isAlive()) {
        attempt(problems, broker::assertNothingLeaked);
      }
      attempt(problems, resource);
      if (resource instanceof BrokerProcess broker) {
        if (!problems.isEmpty() || context.getExecutionException().isPresent()) {
          System.err.println("the broker wrote:\n" + broker.process().written());
        }
        broker.process().close();
      }
    }
    if (!problems.isEmpty()) {
      AssertionError all = new AssertionError("after the attack: " + problems.get(0).getMessage());
      problems.forEach(all::addSuppressed);
      throw all;
    }
  }

  private static void attempt(List<Throwable> problems, AutoCloseable act) {
    try {
      act.close();
    } catch (Throwable e) {
      problems.add(e);
    }
  }
}
