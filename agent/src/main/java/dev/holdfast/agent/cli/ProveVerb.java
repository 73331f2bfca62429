package dev.holdfast.agent.cli;

import dev.holdfast.agent.prove.ControlRestarts;
import dev.holdfast.agent.prove.Interruption;
import dev.holdfast.agent.prove.Prove;
import dev.holdfast.agent.prove.ProvePlan;
import dev.holdfast.agent.prove.ProveReport;
import dev.holdfast.agent.prove.Speech;
import dev.holdfast.agent.prove.Target;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows a user that a restart of the user's own service loses nothing, or that it does. */
@Command(
    name = "prove",
    description = "Storm a listener while its service is restarted, and count what is lost.",
    sortOptions = false,
    footer = {
      "",
      "Connects to the listener from this host, over and over, and has the broker restart the "
          + "service meanwhile, one restart after the other. Then says what was served, what was "
          + "lost and how, how long answers took outside and inside of restarts, and what was not "
          + "tested. A listener that no service has is stormed only. Ctrl-C ends it early, with a "
          + "report of what was until then.",
      "",
      "It is a load: as many connections as the service takes. --rate bounds it. What this "
          + "host could not even try, for want of ports or descriptors, is LOCAL and no loss.",
      "",
      "Exit code: 0 when nothing was lost and all restarts were done, else 1.",
      "With --json: one object at the end, with passed, verdict, listener, target, service, "
          + "requests, served, workers, lost (all, steady, inRestarts, examples), latencyMicros "
          + "(steady, inRestarts), p99Ratio, kernel, restarts (planned, done, each), notTested and "
          + "more.",
      "",
      "Examples:",
      "  holdfast prove web",
      "  holdfast prove web --restarts 20 --connections 128 --path /health",
      "  holdfast prove web --keepalive --rate 200 --seconds 60",
      "  holdfast prove web --json | jq .lost"
    })
final class ProveVerb extends Verb {

  private static final String CONTROL = "dev.holdfast.Control.";

  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(50);

  /** For a listener without a service, where nothing says how long. */
  private static final int SECONDS_ALONE = 10;

  @Parameters(paramLabel = "LISTENER", description = "A listener, as `holdfast list` shows it.")
  String listener = "";

  @Option(
      names = "--service",
      paramLabel = "S",
      description = "What to restart (default: the one service that has the listener).")
  @Nullable String service;

  @Option(
      names = "--restarts",
      paramLabel = "N",
      description = "How many restarts, 0 to 1000 (default: ${DEFAULT-VALUE}).",
      defaultValue = "5")
  int restarts;

  @Option(
      names = "--connections",
      paramLabel = "C",
      description = "How many are in flight at a time, 1 to 1024 (default: ${DEFAULT-VALUE}).",
      defaultValue = "32")
  int connections;

  @Option(
      names = "--seconds",
      paramLabel = "T",
      description =
          "How long at least, 1 to 3600; restarts are spread over it (default: as short as they"
              + " allow, and 10 without any).")
  @Nullable Integer seconds;

  @Option(
      names = "--rate",
      paramLabel = "R",
      description = "How many connections to begin in a second at most (default: no limit).")
  @Nullable Integer rate;

  @Option(
      names = "--keepalive",
      description = "Ask up to 100 times on a connection, until the server closes it.")
  boolean keepAlive;

  @Option(names = "--path", paramLabel = "PATH", description = "What to GET (default: /).")
  @Nullable String path;

  @Option(
      names = "--plain",
      description = "No HTTP: connect, send a line, take any byte or an orderly end.")
  boolean plain;

  @Option(
      names = "--remote",
      description = "Also storm an address that is not loopback: others may notice.")
  boolean remote;

  @Override
  String attempted() {
    return "prove " + listener;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, IOException, VarlinkException {
    Speech speech = speech();
    check("--restarts", restarts, 0, 1000);
    check("--connections", connections, 1, 1024);
    check("--seconds", seconds == null ? 1 : seconds, 1, 3600);
    check("--rate", rate == null ? 1 : rate, 1, 1_000_000);
    ProvePlan plan;
    try (Broker broker = connect(surroundings)) {
      plan = plan(speech, broker);
      if (plan.service().isPresent()) {
        awaitStart(plan.service().get(), broker, surroundings);
      }
    }
    ProveReport report =
        Prove.run(
            plan,
            new ControlRestarts(address(surroundings), plan.service().orElse("")),
            refusal -> WireErrors.failure("restart " + plan.service().orElse(""), refusal).line(),
            Interruption.onSignals(),
            event -> tell(event, surroundings));
    surroundings.print(json ? report.json() : "\n" + report.text());
    return report.passed() ? ExitCode.OK : ExitCode.REFUSED;
  }

  /**
   * A service that was only just started has nobody who answers, and its clients would be counted
   * as lost. Its ready-timeout bounds this; then it is failing, which is no start any more.
   */
  private void awaitStart(String name, Broker broker, Surroundings surroundings)
      throws Failure, VarlinkException {
    if (!isStarting(name, broker)) {
      return;
    }
    tell("waiting for a worker of " + name + " to be ready", surroundings);
    do {
      LockSupport.parkNanos(BETWEEN_LOOKS.toNanos());
    } while (isStarting(name, broker));
  }

  private static boolean isStarting(String name, Broker broker) throws Failure, VarlinkException {
    List<JsonObject> services = new ArrayList<>();
    list(broker, new ArrayList<>(), services);
    return services.stream()
        .filter(each -> each.string("name").equals(name))
        .anyMatch(each -> each.string("state").equals("starting") && each.integer("ready") == 0);
  }

  private void tell(String event, Surroundings surroundings) {
    if (!json) {
      surroundings.out().println(event);
      surroundings.out().flush();
    }
  }

  private Speech speech() throws Failure {
    if (plain && (keepAlive || path != null)) {
      throw new Failure(
          ExitCode.USAGE,
          "prove --plain: it speaks no HTTP, so it goes without --keepalive, --path");
    }
    Speech.Kind kind =
        plain ? Speech.Kind.PLAIN : keepAlive ? Speech.Kind.KEEP_ALIVE : Speech.Kind.HTTP;
    try {
      return new Speech(kind, path == null ? "/" : path);
    } catch (IllegalArgumentException e) {
      throw new Failure(ExitCode.USAGE, "prove --path: " + e.getMessage(), e);
    }
  }

  private ProvePlan plan(Speech speech, Broker broker) throws Failure, VarlinkException {
    List<JsonObject> listeners = new ArrayList<>();
    List<JsonObject> services = new ArrayList<>();
    list(broker, listeners, services);
    Target target = target(listeners);
    Optional<String> restarted = restarts == 0 ? Optional.empty() : service(services);
    boolean none = restarted.isEmpty();
    int lasting = seconds == null ? (none ? SECONDS_ALONE : 0) : seconds;
    return new ProvePlan(
        target,
        speech,
        restarted,
        remark(restarted, services),
        restarts,
        connections,
        rate == null ? 0 : rate,
        remote,
        Duration.ofSeconds(lasting),
        ProvePlan.Pace.STANDARD);
  }

  /** A broker that knows no services does not tell of any. */
  private static void list(Broker broker, List<JsonObject> listeners, List<JsonObject> services)
      throws Failure, VarlinkException {
    try (ReplyStream parts = broker.stream(CONTROL + "List", JsonObject.EMPTY)) {
      while (!parts.ended()) {
        Optional<JsonObject> part = parts.next(Duration.ofSeconds(30));
        if (part.isEmpty()) {
          throw new SocketTimeoutException("no answer");
        }
        listeners.addAll(part.get().optionalObjects("listeners").orElse(List.of()));
        services.addAll(part.get().optionalObjects("services").orElse(List.of()));
      }
    } catch (IOException e) {
      throw broker.broken(e);
    }
  }

  private Target target(List<JsonObject> listeners) throws Failure {
    JsonObject found =
        listeners.stream()
            .filter(each -> each.string("name").equals(listener))
            .findFirst()
            .orElseThrow(() -> refusal("NoSuchListener", "name", listener));
    String endpoint = found.optionalString("endpoint").orElse("");
    if (endpoint.isEmpty()) {
      throw new Failure(
          ExitCode.REFUSED,
          attempted()
              + ": it is "
              + found.string("state")
              + ", and bound to nothing"
              + found.optionalString("message").map(why -> ": " + why).orElse(""));
    }
    Target target;
    try {
      target = Target.of(listener, found.string("spec"), endpoint);
    } catch (IllegalArgumentException e) {
      throw new Failure(ExitCode.USAGE, attempted() + ": " + e.getMessage(), e);
    }
    if (target.beyondLoopback() && !remote) {
      throw new Failure(
          ExitCode.USAGE,
          attempted()
              + ": "
              + target.text()
              + " is not loopback, so others may notice the load;"
              + " say --remote if that is all right");
    }
    return target;
  }

  private Optional<String> service(List<JsonObject> services) throws Failure {
    if (service != null) {
      if (services.stream().noneMatch(each -> each.string("name").equals(service))) {
        throw refusal("NoSuchService", "service", service);
      }
      return Optional.of(service);
    }
    List<String> having =
        services.stream().filter(this::has).map(each -> each.string("name")).toList();
    if (having.size() > 1) {
      throw new Failure(
          ExitCode.USAGE,
          attempted()
              + ": several services have it ("
              + String.join(", ", having)
              + "); name one with --service");
    }
    return having.stream().findFirst();
  }

  private boolean has(JsonObject each) {
    return each.strings("listeners").contains(listener);
  }

  private String remark(Optional<String> restarted, List<JsonObject> services) {
    if (restarts == 0) {
      return "--restarts 0";
    }
    if (restarted.isEmpty()) {
      return "no service has " + listener + ", so the broker has nothing to restart";
    }
    boolean itself =
        services.stream()
            .filter(each -> each.string("name").equals(restarted.get()))
            .anyMatch(this::has);
    return itself ? "" : restarted.get() + " does not have " + listener + " itself";
  }

  private Failure refusal(String error, String parameter, String value) {
    return WireErrors.failure(
        attempted(), new VarlinkException(CONTROL + error, JsonObject.of(parameter, value)));
  }

  private static void check(String option, int value, int least, int most) throws Failure {
    if (value < least || value > most) {
      throw new Failure(
          ExitCode.USAGE, "prove " + option + " " + value + ": from " + least + " to " + most);
    }
  }
}
