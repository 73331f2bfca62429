package dev.holdfast.broker.survive;

import static dev.holdfast.broker.survive.Members.unless;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.varlink.JsonObject;

/** Supervised workers. */
final class WorkerText {

  private WorkerText() {}

  static void write(Entry.OfWorker entry, JsonObject.Builder out) {
    out.put("worker", entry.worker())
        .put("service", entry.service())
        .put("generation", entry.generation())
        .put("config", ServiceText.config(entry.config()))
        .put("lease", entry.lease().value())
        .put("since", entry.since().toString())
        .put("pid", unless(entry.pid(), 0))
        .put("state", entry.state().word())
        .put("readyAt", Members.maybe(entry.readyAt().orElse(null)))
        .put("settled", unless(entry.settled(), false))
        .put("killed", unless(entry.killed(), false))
        .put("abandoned", unless(entry.abandoned(), false))
        .put("failure", entry.failure())
        .put("status", entry.status())
        .put("asked", unless(entry.asked(), false));
  }

  static Entry.OfWorker read(Members in) throws UnreadableException {
    return new Entry.OfWorker(
        in.number("worker"),
        in.text("service"),
        in.integer("generation"),
        in.read("config", ServiceText::readConfig),
        in.as("lease", LeaseId::new),
        in.moment("since"),
        in.integer("pid", 0),
        in.word("state", WorkerState.values(), WorkerState::word),
        in.maybeMoment("readyAt"),
        in.flag("settled"),
        in.flag("killed"),
        in.flag("abandoned"),
        in.maybeText("failure"),
        in.maybeText("status"),
        in.flag("asked"));
  }
}
