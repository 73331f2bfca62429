package dev.holdfast.agent.prove;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** Restarts by the broker, a control connection for each. */
public record ControlRestarts(UnixAddress broker, String service) implements Restarts {

  @Override
  public Run begin() throws IOException {
    VarlinkClient client = VarlinkClient.connect(broker);
    try {
      return new Calling(
          client, client.stream("dev.holdfast.Control.Restart", JsonObject.of("service", service)));
    } catch (IOException e) {
      client.close();
      throw e;
    }
  }

  private record Calling(VarlinkClient client, ReplyStream replies) implements Run {
    @Override
    public Optional<Step> next(Duration atMost) throws IOException, VarlinkException {
      return replies
          .next(atMost)
          .map(reply -> reply.object("step"))
          .map(step -> new Step(step.string("step"), step.string("message")));
    }

    @Override
    public boolean ended() {
      return replies.ended();
    }

    @Override
    public void close() {
      client.close();
    }
  }
}
