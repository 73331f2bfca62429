package dev.holdfast.broker.testing;

import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * How many descriptors a broker has of its own when its services are stopped: those of one that ran
 * a service before, since some stay open from their first use on. Measured once.
 */
final class Resting {
  private static long count = -1; // guarded by this class

  private Resting() {}

  static synchronized long descriptors() throws IOException, VarlinkException {
    if (count < 0) {
      count = measure();
    }
    return count;
  }

  private static long measure() throws IOException, VarlinkException {
    Path directory = BrokerProcess.newDirectory();
    ServiceFile file = ServiceFile.in(directory).listener("web", "blocking = true");
    BrokerProcess.Options options =
        BrokerProcess.Options.none().with("--config", file.write().toString());
    try (BrokerProcess broker = BrokerProcess.start(options, directory)) {
      Path program = Workers.script("naive.py", directory);
      file.service("web", List.of(Checkout.python(), program.toString())).write();
      SupervisedService service = SupervisedService.of(broker, "web");
      ProgramProcess reload = service.run("reload");
      if (reload.awaitEnd() != 0) {
        throw new AssertionError(reload.written());
      }
      service.awaitRunning();
      broker.stopServices();
      Await.until(
          () -> "the stopped service keeps its listener's lease", () -> broker.leases().isEmpty());
      return broker.descriptorsOfItsOwn();
    }
  }
}
