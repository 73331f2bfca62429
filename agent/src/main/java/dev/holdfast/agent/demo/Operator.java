package dev.holdfast.agent.demo;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;

/** What an operator says to the demonstration's broker; a connection for each call. */
record Operator(Path socket) {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** The listener's port; empty while no broker answers. */
  OptionalInt port(String listener) throws DemoException {
    try {
      return call("List", JsonObject.EMPTY).objects("listeners").stream()
          .filter(each -> each.string("name").equals(listener))
          .mapToInt(each -> (int) each.integer("port"))
          .findFirst();
    } catch (IOException e) {
      return OptionalInt.empty();
    } catch (VarlinkException e) {
      throw refused("list", e);
    }
  }

  /** The lease that follows the process. */
  Optional<String> leaseOf(long pid) throws DemoException {
    try {
      return call("List", JsonObject.EMPTY).objects("leases").stream()
          .filter(each -> each.integer("pid") == pid)
          .map(each -> each.string("lease"))
          .findFirst();
    } catch (IOException e) {
      throw new DemoException("list the broker's leases", e);
    } catch (VarlinkException e) {
      throw refused("list", e);
    }
  }

  /** The processes that have leases. */
  Set<Long> holders() throws DemoException {
    try {
      return call("List", JsonObject.EMPTY).objects("leases").stream()
          .map(each -> each.integer("pid"))
          .collect(Collectors.toSet());
    } catch (IOException e) {
      throw new DemoException("list the broker's leases", e);
    } catch (VarlinkException e) {
      throw refused("list", e);
    }
  }

  private JsonObject call(String method, JsonObject parameters)
      throws IOException, VarlinkException {
    try (VarlinkClient client = VarlinkClient.connect(new UnixAddress.Path(socket));
        Answer answer = client.call("dev.holdfast.Control." + method, parameters, PATIENCE)) {
      return answer.parameters();
    }
  }

  private static DemoException refused(String what, VarlinkException e) {
    return new DemoException(what + ": the broker refused", e);
  }
}
