package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Opens a listener. */
@Command(
    name = "listen",
    description = "Open a listener: the broker binds it and keeps it.",
    sortOptions = false,
    footer = {
      "",
      "SPEC is [host:](port|service|lo/hi|0W), unix:/path, unix:@name, udp:[host:]port or "
          + "seqpacket:/path. Without a host: all interfaces, IPv4 and IPv6; an IPv6 host stands "
          + "in brackets. lo/hi is tried in random order, 0W is a random free port, 0 stops the "
          + "listener and keeps its name. A leading - asks workers for a thread per connection. "
          + "The same NAME, SPEC and options again change nothing.",
      "",
      "Prints the endpoint. With --json: an object with listener, as `list --json` shows it.",
      "",
      "Examples:",
      "  holdfast listen web 8080",
      "  holdfast listen api 127.0.0.1:9000/9010 --backlog 1024",
      "  holdfast listen app unix:/run/app.sock --allow user:www-data --allow group:web",
      "  holdfast listen web 0"
    })
final class ListenVerb extends Verb {

  @Parameters(index = "0", paramLabel = "NAME", description = "What the listener is called.")
  String name = "";

  @Parameters(index = "1", paramLabel = "SPEC", description = "What to listen on; see below.")
  String spec = "";

  @Option(
      names = "--backlog",
      paramLabel = "N",
      description = "The most connections that wait (default: as many as the kernel allows).")
  @Nullable Integer backlog;

  @Option(names = "--blocking", description = "Hand it out without O_NONBLOCK, for simple servers.")
  boolean blocking;

  @Option(
      names = "--idle",
      paramLabel = "queue|refuse|spawn",
      description =
          "What happens to clients while no worker is there: they wait (default), are refused, or"
              + " wait while the first of them has the listener's services started.")
  @Nullable String idle;

  @Option(names = "--companion", description = "Open a Unix socket beside a TCP listener.")
  boolean companion;

  @Option(
      names = "--allow",
      paramLabel = "WHO",
      description = "Who else may take it: user:www-data, uid:33, group:web, gid:100 or all.")
  List<String> allow = List.of();

  @Override
  String attempted() {
    return "listen " + name + " " + spec;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    if (idle != null && !List.of("queue", "refuse", "spawn").contains(idle)) {
      throw new Failure(
          ExitCode.USAGE,
          "listen --idle " + idle + ": only queue, refuse or spawn can be asked for");
    }
    JsonObject request =
        JsonObject.builder()
            .put("name", name)
            .put("spec", spec)
            .put("backlog", backlog)
            .put("blocking", blocking ? Boolean.TRUE : null)
            .put("idle", idle)
            .put("companion", companion ? Boolean.TRUE : null)
            .put("allow", allow.isEmpty() ? null : allow)
            .build();
    try (Broker broker = connect(surroundings)) {
      JsonObject reply = broker.call("dev.holdfast.Control.Listen", request);
      JsonObject listener = reply.object("listener");
      surroundings.print(
          json
              ? reply.toString()
              : listener.optionalString("endpoint").orElse(listener.string("state")));
    }
    return ExitCode.OK;
  }
}
