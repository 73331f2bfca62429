package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** The broker's records as tables. */
final class Listing {

  /** How much of a line of a worker's output a note has room for. */
  private static final int LONGEST_LINE = 80;

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

  /** How many connections wait, and who serves them. */
  static Table queues(List<JsonObject> listeners) {
    Table table = new Table("LISTENER", "ENDPOINT", "STATE", "QUEUE", "LIMIT", "DROPS", "LEASES");
    for (JsonObject listener : listeners) {
      table.row(
          listener.string("name"),
          listener.optionalString("endpoint").orElse(""),
          listener.string("state"),
          number(listener, "queueLength"),
          number(listener, "queueLimit"),
          number(listener, "drops"),
          listener.integer("leases"));
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
          lease.integer("pid") == 0 ? "" : lease.integer("pid"),
          lease.integer("uid"),
          lease.optionalString("service").orElse(""),
          lease.string("hold"),
          age(lease.string("sinceUsec"), now),
          lease.optionalString("program").orElse(""));
    }
    return table;
  }

  static Table services(List<JsonObject> services, Instant now) {
    Table table =
        new Table("SERVICE", "STATE", "READY/WORKERS", "GEN", "RESTARTS", "LISTENERS", "NOTE");
    for (JsonObject service : services) {
      table.row(
          service.string("name"),
          service.string("state"),
          service.integer("ready") + "/" + service.integer("workers"),
          service.integer("generation"),
          service.integer("restarts"),
          String.join(",", service.strings("listeners")),
          note(service, now));
    }
    return table;
  }

  /** The workers of all services; empty when none runs. */
  static Table workers(List<JsonObject> services, Instant now) {
    Table table = new Table("WORKER", "SERVICE", "STATE", "PID", "GEN", "LEASE", "AGE", "STATUS");
    for (JsonObject service : services) {
      for (JsonObject worker : service.objects("processes")) {
        table.row(
            worker.string("worker"),
            service.string("name"),
            worker.string("state"),
            number(worker, "pid"),
            worker.integer("generation"),
            worker.string("lease"),
            age(worker.string("sinceUsec"), now),
            worker.optionalString("status").orElse(""));
      }
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

  private static String note(JsonObject service, Instant now) {
    StringBuilder note = new StringBuilder();
    add(note, service.optionalString("message").map(Listing::headline).orElse(""));
    add(
        note,
        service
            .optionalString("nextStartUsec")
            .map(usec -> "tried again in " + Durations.text(Duration.between(now, moment(usec))))
            .orElse(""));
    boolean old = service.bool("changed") && !service.string("state").equals("restarting");
    add(note, old ? "runs an older configuration" : "");
    return note.toString();
  }

  /** Why a service fails, and of its worker's last output the last line, which is mostly why. */
  private static String headline(String message) {
    String first = Printable.firstLine(message);
    int last = first.lastIndexOf("; ");
    if (!first.endsWith(":") || last <= 0) {
      return first;
    }
    String said =
        Printable.furtherLines(message).stream()
            .map(String::strip)
            .filter(line -> !line.isEmpty())
            .reduce("", (earlier, later) -> later);
    int end = Math.min(said.length(), LONGEST_LINE);
    return first.substring(0, last)
        + (said.isEmpty() ? "" : ": " + said.substring(0, end))
        + (end < said.length() ? "…" : "");
  }

  private static void add(StringBuilder note, String part) {
    if (!part.isEmpty()) {
      note.append(note.isEmpty() ? "" : "; ").append(part);
    }
  }
}
