package dev.holdfast.broker.survive;

import static dev.holdfast.broker.survive.Members.unless;

import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Hold;
import dev.holdfast.broker.core.LeaseState;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.JsonObject;
import java.util.List;

/** Leases. */
final class LeaseText {

  private LeaseText() {}

  static void write(Entry.OfLease entry, JsonObject.Builder out) {
    Event.Acquire request = entry.request();
    out.put("lease", entry.lease().value())
        .put("caller", caller(request.caller()))
        .put("listeners", request.names().stream().map(ListenerName::value).toList())
        .put("hold", request.hold().word())
        .put("service", request.service())
        .put("replace", unless(request.replace(), false))
        .put("program", unless(request.program(), false))
        .put("stopSignal", unless(request.stopSignal(), 0))
        .put("worker", unless(entry.worker(), 0L))
        .put("pid", unless(entry.pid(), 0))
        .put("state", entry.state().word())
        .put("deadline", Members.maybe(entry.deadline().orElse(null)))
        .put("since", entry.since().toString())
        .put("asked", unless(entry.asked(), false))
        .put("awaited", unless(entry.awaited(), false))
        .put(
            "former", unless(entry.former().stream().map(ListenerName::value).toList(), List.of()));
  }

  static Entry.OfLease read(Members in) throws UnreadableException {
    return new Entry.OfLease(
        in.as("lease", LeaseId::new),
        new Event.Acquire(
            in.read("caller", LeaseText::readCaller),
            ServiceText.names(in, "listeners"),
            in.word("hold", Hold.values(), Hold::word),
            in.maybeText("service"),
            in.flag("replace"),
            in.flag("program"),
            in.integer("stopSignal", 0)),
        in.number("worker", 0),
        in.integer("pid", 0),
        in.word("state", LeaseState.values(), LeaseState::word),
        in.maybeMoment("deadline"),
        in.moment("since"),
        in.flag("asked"),
        in.flag("awaited"),
        ServiceText.names(in, "former"));
  }

  private static JsonObject caller(Caller caller) {
    return JsonObject.builder()
        .put("connection", caller.connection())
        .put("pid", caller.pid())
        .put("uid", Members.id(caller.uid()))
        .put("gid", Members.id(caller.gid()))
        .put("groups", unless(Members.ids(caller.groups()), List.of()))
        .build();
  }

  private static Caller readCaller(Members in) throws UnreadableException {
    return new Caller(
        in.number("connection"), in.integer("pid"), in.id("uid"), in.id("gid"), in.ids("groups"));
  }
}
