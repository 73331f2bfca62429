package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import java.util.List;

/** Records as a broker describes them. */
final class Examples {

  static final JsonObject WEB =
      listener("web", "8080", "tcp:[::]:8080")
          .put("port", 8080)
          .put("queueLength", 3)
          .put("queueLimit", 4096)
          .put("drops", 0)
          .build();

  static final JsonObject STOPPED = listener("old", "0", null).put("port", 0).build();

  static final JsonObject UNIX = listener("app", "unix:/run/a", "unix:/run/a").build();

  static final JsonObject LEASE =
      JsonObject.builder()
          .put("lease", "17")
          .put("listeners", List.of("web", "app"))
          .put("pid", 4711)
          .put("uid", 1000)
          .put("service", "shop")
          .put("state", "ready")
          .put("hold", "process")
          .put("program", "nginx")
          .put("sinceUsec", "1700000000000000")
          .build();

  static final JsonObject SHOP =
      service("shop", "failing")
          .put(
              "message",
              "worker 6 was not ready 60000 ms after its start; its last output:\nTraceback")
          .put("nextStartUsec", "1700000000000000")
          .put("processes", List.of(worker("7", "18").put("pid", 4712).build()))
          .build();

  static final JsonObject MAIL =
      service("mail", "idle").put("processes", List.of(worker("8", "19").build())).build();

  static final JsonObject LISTED =
      JsonObject.builder()
          .put("listeners", List.of(WEB, STOPPED, UNIX))
          .put("leases", List.of(LEASE))
          .put("stored", List.of(JsonObject.of("name", "state", "kind", "file", "uid", 0)))
          .put("services", List.of(SHOP, MAIL))
          .build();

  static final JsonObject STATUS =
      JsonObject.builder()
          .put("pid", 99)
          .put("version", "0.1.0")
          .put("socket", "/run/holdfast/holdfast.sock")
          .put("stateDirectory", "/var/lib/holdfast")
          .put("uid", 0)
          .put("startedUsec", "1700000000000000")
          .put("listeners", 3)
          .put("leases", 1)
          .put("stored", 1)
          .put("connections", 2)
          .put("openDescriptors", 21)
          .put("descriptorLimit", 20000)
          .put("somaxconn", 4096)
          .build();

  private Examples() {}

  private static JsonObject.Builder service(String name, String state) {
    return JsonObject.builder()
        .put("name", name)
        .put("state", state)
        .put("workers", 2)
        .put("ready", 1)
        .put("generation", 3)
        .put("restarts", 4)
        .put("changed", name.equals("shop"))
        .put("listeners", List.of("web", "app"));
  }

  static JsonObject.Builder worker(String number, String lease) {
    return JsonObject.builder()
        .put("worker", number)
        .put("lease", lease)
        .put("generation", 3)
        .put("state", "starting")
        .put("sinceUsec", "1700000000000000");
  }

  private static JsonObject.Builder listener(
      String name, String spec, @org.jspecify.annotations.Nullable String endpoint) {
    return JsonObject.builder()
        .put("name", name)
        .put("spec", spec)
        .put("endpoint", endpoint)
        .put("kind", "stream")
        .put("state", endpoint == null ? "stopped" : "listening")
        .put("backlog", 4096)
        .put("blocking", false)
        .put("idle", "queue")
        .put("leases", 1)
        .put("healed", 0)
        .put("flagsRestored", 2)
        .put("backlogRestored", 0);
  }
}
