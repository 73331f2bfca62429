package dev.holdfast.broker;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * Walks a client through the broker once, so that the class archive which the build makes holds
 * what a real start needs. On a thread of its own, since the loop must run meanwhile.
 */
final class Training extends Thread {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final UnixAddress address;
  private final Broker broker;

  Training(UnixAddress address, Broker broker) {
    super("training");
    setDaemon(true);
    this.address = address;
    this.broker = broker;
  }

  @Override
  public void run() {
    try (VarlinkClient client = VarlinkClient.connect(address)) {
      client
          .call(
              "dev.holdfast.Control.Listen",
              JsonObject.of("name", "training", "spec", "127.0.0.1:0W"),
              PATIENCE)
          .close();
      String lease;
      try (var granted =
          client.call(
              "dev.holdfast.Worker.Acquire",
              JsonObject.of("listeners", List.of("training")),
              PATIENCE)) {
        lease = granted.parameters().string("lease");
      }
      client.call("dev.holdfast.Worker.Release", JsonObject.of("lease", lease), PATIENCE).close();
      client.call("dev.holdfast.Control.List", JsonObject.EMPTY, PATIENCE).close();
    } catch (IOException | VarlinkException e) {
      System.err.println("holdfastd: training: " + e.getMessage());
    } finally {
      broker.shutDown();
    }
  }
}
