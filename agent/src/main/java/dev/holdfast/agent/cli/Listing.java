package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** The broker's records as tables. */
final class Listing {

  private Listing() {}

  static Table listeners(List<JsonObject> listeners) {
    Table table = new Table("LISTENER", "ENDPOINT", "SPEC", "STATE", "QUEUE", "LEASES", "NOTE");
    for (JsonObject listener : listeners) {
      table.row(
          listener.string("name"),
          listener.optionalString("endpoint").orElse(""),
          listener.string("spec"),
          listener.string("state"),
          queue(listener),
          listener.integer("leases"),
          note(listener));
    }
    return table;
  }

  /** What went wrong and was put right: all zeros on a good day. */
  static Table health(List<JsonObject> listeners) {
    Table table =
        new Table("LISTENER", "STATE", "QUEUE", "LIMIT", "DROPS", "HEALED", "FLAGS", "BACKLOG");
    for (JsonObject listener : listeners) {
      table.row(
          listener.string("name"),
          listener.string("state"),
          number(listener, "queueLength"),
          number(listener, "queueLimit"),
          number(listener, "drops"),
          listener.integer("healed"),
          listener.integer("flagsRestored"),
          listener.integer("backlogRestored"));
    }
    return table;
  }

  static Table leases(List<JsonObject> leases, Instant now) {
    Table table =
        new Table("LEASE", "LISTENERS", "STATE", "PID", "UID", "SERVICE", "HOLD", "AGE", "PROGRAM");
    for (JsonObject lease : leases) {
      table.row(
          lease.string("lease"),
          String.join(",", lease.strings("listeners")),
          lease.string("state"),
          lease.integer("pid"),
          lease.integer("uid"),
          lease.optionalString("service").orElse(""),
          lease.string("hold"),
          age(lease.string("sinceUsec"), now),
          lease.optionalString("program").orElse(""));
    }
    return table;
  }

  static Table stored(List<JsonObject> stored) {
    Table table = new Table("STORED", "KIND", "UID");
    for (JsonObject item : stored) {
      table.row(item.string("name"), item.string("kind"), item.integer("uid"));
    }
    return table;
  }

  /**
   * {@code 7s}, {@code 12m}, {@code 5h}, {@code 3d}: the largest unit that has something to say.
   */
  static String age(String sinceUsec, Instant now) {
    return Durations.text(Duration.between(moment(sinceUsec), now));
  }

  static Instant moment(String usec) {
    long micros = Long.parseLong(usec);
    return Instant.ofEpochSecond(
        Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1000L);
  }

  private static String queue(JsonObject listener) {
    String length = number(listener, "queueLength");
    String limit = number(listener, "queueLimit");
    return length.isEmpty() ? "" : length + (limit.isEmpty() ? "" : "/" + limit);
  }

  private static String number(JsonObject object, String name) {
    return object.has(name) ? Long.toString(object.integer(name)) : "";
  }

  private static String note(JsonObject listener) {
    StringBuilder note = new StringBuilder();
    add(note, listener.optionalString("message").orElse(""));
    add(note, listener.bool("blocking") ? "blocking" : "");
    add(note, listener.string("idle").equals("queue") ? "" : "idle=" + listener.string("idle"));
    add(note, listener.optionalString("companion").orElse(""));
    return note.toString();
  }

  private static void add(StringBuilder note, String part) {
    if (!part.isEmpty()) {
      note.append(note.isEmpty() ? "" : "; ").append(part);
    }
  }
}
