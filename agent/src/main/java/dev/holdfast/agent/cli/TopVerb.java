package dev.holdfast.agent.cli;

import dev.holdfast.fd.Poller;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Shows the queues and the services over and over. */
@Command(
    name = "top",
    description = "Show the queues of the listeners, and the services, over and over.",
    footer = {
      "",
      "Until interrupted. On a terminal each picture takes the place of the one before; of one "
          + "that is higher than LINES (default: 24) the end is left out.",
      "With --json: for each picture an object, as `list --json` prints it.",
      "",
      "Examples:",
      "  holdfast top",
      "  holdfast top --interval 200ms",
      "  holdfast top --once --json | jq '.listeners[].queueLength'"
    })
final class TopVerb extends Verb {

  private static final String HOME_AND_CLEAR = "\033[H\033[J";
  private static final Duration SHORTEST = Duration.ofMillis(50);

  @Option(names = "--once", description = "Show it once, and end.")
  boolean once;

  @Option(
      names = "--interval",
      paramLabel = "TIME",
      description = "How long each picture stands: 200ms, 1s (default), 1m.")
  String interval = "1s";

  @Override
  String attempted() {
    return "top";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, IOException, VarlinkException {
    Duration pause = Durations.parse("--interval", interval);
    if (pause.compareTo(SHORTEST) < 0) {
      throw new Failure(ExitCode.USAGE, "top --interval " + interval + ": 50ms is the shortest");
    }
    boolean draws = !once && !json && surroundings.drawsOnTerminal();
    int most = draws ? lines(surroundings) - 1 : Integer.MAX_VALUE;
    try (Broker broker = connect(surroundings);
        Poller poller = Poller.open()) {
      poller.add(broker.descriptor(), Poller.READABLE, "broker");
      boolean goesOn = true;
      while (goesOn) {
        JsonObject listing = broker.listing();
        String picture = json ? listing.toString() : picture(listing, Instant.now());
        surroundings.print(draws ? HOME_AND_CLEAR + cut(picture, most) : picture);
        goesOn = !once;
        if (goesOn) {
          if (!json && !draws) {
            surroundings.print("");
          }
          // It says nothing unasked: only its end wakes us early, of which the next call then
          // tells.
          List<Poller.Ready> unused = poller.await(pause);
        }
      }
    }
    return ExitCode.OK;
  }

  private static int lines(Surroundings surroundings) {
    String lines = surroundings.environment().getOrDefault("LINES", "");
    return lines.matches("[0-9]{1,4}") ? Math.max(3, Integer.parseInt(lines)) : 24;
  }

  static String picture(JsonObject listing, Instant now) {
    List<JsonObject> listeners = listing.objects("listeners");
    List<JsonObject> leases = listing.objects("leases");
    List<JsonObject> services = listing.objects("services");
    StringBuilder picture = new StringBuilder();
    picture
        .append(now.truncatedTo(ChronoUnit.SECONDS))
        .append("  listeners ")
        .append(listeners.size())
        .append("  leases ")
        .append(leases.size())
        .append("  services ")
        .append(services.size());
    append(picture, Listing.queues(listeners));
    append(picture, Listing.services(services, now));
    append(picture, Listing.workers(services, now));
    return picture.toString();
  }

  private static void append(StringBuilder picture, Table table) {
    if (!table.isEmpty()) {
      picture.append("\n\n").append(table);
    }
  }

  /** So that the terminal does not scroll, and the next picture stands where this one stood. */
  static String cut(String picture, int most) {
    List<String> lines = picture.lines().toList();
    if (lines.size() <= most) {
      return picture;
    }
    int left = lines.size() - most + 1;
    return String.join("\n", lines.subList(0, most - 1)) + "\n... " + left + " lines more";
  }
}
