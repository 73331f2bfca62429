package dev.holdfast.broker.survive;

import static dev.holdfast.broker.survive.Members.unless;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.ReadyWhen;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Services. */
final class ServiceText {

  private ServiceText() {}

  static void write(Entry.OfService entry, JsonObject.Builder out) {
    out.put("name", entry.name())
        .put("running", config(entry.running()))
        // Nearly always the same, and the longest part of it.
        .put("wanted", entry.wanted().equals(entry.running()) ? null : config(entry.wanted()))
        .put("count", entry.count())
        .put("generation", entry.generation())
        .put("lastGeneration", entry.lastGeneration())
        .put("stopped", unless(entry.stopped(), false))
        .put("removed", unless(entry.removed(), false))
        .put("demanded", unless(entry.demanded(), false))
        .put("lastConnection", entry.lastConnection().toString())
        .put("failures", unless(entry.failures(), 0))
        .put("nextStart", Members.maybe(entry.nextStart().orElse(null)))
        .put("restarts", unless(entry.restarts(), 0L))
        .put("message", entry.message())
        .put("rollout", rollout(entry.rollout()))
        .put("rolloutFailed", unless(entry.rolloutFailed(), false))
        .put("outdated", unless(entry.outdated(), false))
        .put("operation", entry.operation());
  }

  static Entry.OfService read(Members in) throws UnreadableException {
    ServiceConfig running = in.read("running", ServiceText::readConfig);
    ServiceConfig wanted = in.maybe("wanted", ServiceText::readConfig);
    return new Entry.OfService(
        in.text("name"),
        running,
        wanted == null ? running : wanted,
        in.integer("count"),
        in.integer("generation"),
        in.integer("lastGeneration"),
        in.flag("stopped"),
        in.flag("removed"),
        in.flag("demanded"),
        in.moment("lastConnection"),
        in.integer("failures", 0),
        in.maybeMoment("nextStart"),
        in.number("restarts", 0),
        in.maybeText("message"),
        in.maybe("rollout", ServiceText::readRollout),
        in.flag("rolloutFailed"),
        in.flag("outdated"),
        in.maybeText("operation"));
  }

  private static @Nullable JsonObject rollout(Entry.@Nullable RolloutUnderWay rollout) {
    return rollout == null
        ? null
        : JsonObject.builder()
            .put("generation", rollout.generation())
            .put("target", config(rollout.target()))
            .put("allAtOnce", unless(rollout.allAtOnce(), false))
            .put("readyTimeout", Members.maybe(rollout.readyTimeout().orElse(null)))
            .put("begun", rollout.begun().toString())
            .build();
  }

  private static Entry.RolloutUnderWay readRollout(Members in) throws UnreadableException {
    return new Entry.RolloutUnderWay(
        in.integer("generation"),
        in.read("target", ServiceText::readConfig),
        in.flag("allAtOnce"),
        Optional.ofNullable(in.maybeDuration("readyTimeout")),
        in.moment("begun"));
  }

  static JsonObject config(ServiceConfig config) {
    return JsonObject.builder()
        .put("launch", LaunchText.write(config.launch()))
        .put("listeners", config.listeners().stream().map(ListenerName::value).toList())
        .put("workers", config.workers())
        .put("ready", config.ready().when().word())
        .put("readyTimeout", config.ready().timeout().toString())
        .put("settle", config.ready().settle().toString())
        .put("stopSignal", config.stop().signal())
        .put("stopTimeout", config.stop().timeout().toString())
        .put("surge", config.restarts().surge())
        .put("restartDelay", config.restarts().delay().toString())
        .put("restartDelayMax", config.restarts().longestDelay().toString())
        .put("stored", config.stored())
        .put("watchdog", Members.maybe(config.watchdog()))
        .put("idleStop", Members.maybe(config.idleStop()))
        .build();
  }

  static ServiceConfig readConfig(Members in) throws UnreadableException {
    return new ServiceConfig(
        in.read("launch", LaunchText::read),
        names(in, "listeners"),
        in.integer("workers"),
        new ServiceConfig.Readiness(
            in.word("ready", ReadyWhen.values(), ReadyWhen::word),
            in.duration("readyTimeout"),
            in.duration("settle")),
        new ServiceConfig.Stopping(in.integer("stopSignal"), in.duration("stopTimeout")),
        new ServiceConfig.Restarts(
            in.integer("surge"), in.duration("restartDelay"), in.duration("restartDelayMax")),
        in.integer("stored"),
        in.maybeDuration("watchdog"),
        in.maybeDuration("idleStop"));
  }

  static List<ListenerName> names(Members in, String member) throws UnreadableException {
    List<ListenerName> names = new ArrayList<>();
    for (String text : in.texts(member)) {
      try {
        names.add(new ListenerName(text));
      } catch (IllegalArgumentException e) {
        throw in.unreadable(member, String.valueOf(e.getMessage()));
      }
    }
    return names;
  }
}
