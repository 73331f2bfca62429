package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Takes the listener of a server that runs. */
@Command(
    name = "adopt",
    description = "Take the listener of a server that runs already; it serves on.",
    sortOptions = false,
    footer = {
      "",
      "The server need not know of Holdfast, and is not stopped or changed: the broker gets its "
          + "listening socket too (pidfd_getfd, Linux 5.6), with whoever waits in its queue. The "
          + "server has a lease on it from then on, so the next one can replace it and lose "
          + "nothing.",
      "It must have exactly one listening TCP or Unix socket that fits; when there are more, the "
          + "error lists them. The broker must be root, or of the server's user and allowed to "
          + "trace it (`holdfast doctor` says whether it is).",
      "A server that was made to share its port (SO_REUSEPORT) has a socket in each process, and "
          + "cannot be adopted as one.",
      "",
      "Prints the endpoint, and the lease. With --json: an object with listener, as `list --json` "
          + "shows it, and lease.",
      "",
      "Examples:",
      "  holdfast adopt web --pid $(cat /run/nginx.pid) --port 80 --stop-signal QUIT",
      "  holdfast adopt app --pid 4711 --endpoint unix:/run/app.sock",
      "  holdfast exec --service web --replace web -- ./new-version"
    })
final class AdoptVerb extends Verb {

  @Parameters(index = "0", paramLabel = "NAME", description = "What the listener is to be called.")
  String name = "";

  @Option(names = "--pid", paramLabel = "PID", required = true, description = "The server.")
  int pid;

  @Option(names = "--port", paramLabel = "P", description = "The port that it listens on.")
  @Nullable Integer port;

  @Option(
      names = "--endpoint",
      paramLabel = "E",
      description = "What it listens on: tcp:127.0.0.1:80, tcp:[::]:80, unix:/path or unix:@name.")
  @Nullable String endpoint;

  @Option(
      names = "--service",
      paramLabel = "S",
      description = "What the server is a copy of, for those that replace it (default: NAME).")
  @Nullable String service;

  @Option(
      names = "--stop-signal",
      paramLabel = "NAME",
      description = "What asks it to finish when it is replaced: TERM (default), QUIT for nginx.")
  @Nullable String stopSignal;

  @Option(
      names = "--nonblocking",
      description =
          "Set O_NONBLOCK on the socket, for the server too. Not for one that blocks in accept.")
  boolean nonBlocking;

  @Override
  String attempted() {
    return "adopt " + name + " --pid " + pid;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, VarlinkException {
    if (pid < 1) {
      throw new Failure(ExitCode.USAGE, attempted() + ": a process has a number above 0");
    }
    if (port != null && (port < 1 || port > 65_535)) {
      throw new Failure(ExitCode.USAGE, "adopt --port " + port + ": a port is 1 to 65535");
    }
    JsonObject request =
        JsonObject.builder()
            .put("name", name)
            .put("pid", pid)
            .put("port", port)
            .put("endpoint", endpoint)
            .put("service", service)
            .put("stopSignal", stopSignal)
            .put("nonBlocking", nonBlocking ? Boolean.TRUE : null)
            .build();
    try (Broker broker = connect(surroundings)) {
      JsonObject reply = broker.call("dev.holdfast.Control.Adopt", request);
      JsonObject listener = reply.object("listener");
      surroundings.print(
          json
              ? reply.toString()
              : listener.optionalString("endpoint").orElse(listener.string("state"))
                  + "  lease "
                  + reply.string("lease"));
    }
    return ExitCode.OK;
  }
}
