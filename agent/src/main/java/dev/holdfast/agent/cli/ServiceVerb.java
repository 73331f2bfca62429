package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.Parameters;

/**
 * A verb that has something done to all workers of a service, and tells each step as it happens.
 * The broker does it whether or not anybody listens.
 */
abstract class ServiceVerb extends Verb {

  @Parameters(
      index = "0",
      paramLabel = "SERVICE",
      description = "The service, as the broker's configuration names it.")
  String service = "";

  /** The method's name in dev.holdfast.Control. */
  abstract String method();

  /** Checks what was asked for, and puts it into the call's parameters. */
  abstract void ask(JsonObject.Builder request) throws Failure;

  @Override
  final ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    JsonObject.Builder request = JsonObject.builder().put("service", service);
    ask(request);
    StepLines lines = new StepLines(attempted());
    try (Broker broker = connect(surroundings)) {
      try (ReplyStream replies =
          broker.stream("dev.holdfast.Control." + method(), request.build())) {
        while (!replies.ended()) {
          Optional<JsonObject> reply = replies.next(null);
          if (reply.isPresent()) {
            JsonObject step = reply.get().object("step");
            surroundings.print(json ? step.toString() : lines.next(step));
          }
        }
        return ExitCode.OK;
      } catch (IOException e) {
        throw broker.broken(e);
      }
    }
  }
}
