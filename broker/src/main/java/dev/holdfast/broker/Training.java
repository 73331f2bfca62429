package dev.holdfast.broker;

import dev.holdfast.broker.survive.Journal;
import dev.holdfast.broker.survive.Recovery;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Walks a client through the broker once, so that the class archive which the build makes holds
 * what a real start needs. On a thread of its own, since the loop must run meanwhile.
 */
final class Training extends Thread {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final UnixAddress address;
  private final Broker broker;
  private final Optional<Path> journal;

  Training(UnixAddress address, Optional<Path> journal, Broker broker) {
    super("training");
    setDaemon(true);
    this.address = address;
    this.journal = journal;
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
      recover(); // what a start after a crash needs
      client.call("dev.holdfast.Worker.Release", JsonObject.of("lease", lease), PATIENCE).close();
      client.call("dev.holdfast.Control.List", JsonObject.EMPTY, PATIENCE).close();
    } catch (IOException | VarlinkException e) {
      System.err.println("holdfastd: training: " + e.getMessage());
    } finally {
      broker.shutDown();
    }
  }

  /** Reads what the broker has written, and looks for it, beside the broker that has it all. */
  private void recover() {
    if (journal.isPresent()) {
      Journal.Content content = Journal.read(journal.get(), Limits.effectiveUid());
      Recovery.find(content.entries(), content.started(), new ArrayList<>(), line -> {}).close();
    }
  }
}
