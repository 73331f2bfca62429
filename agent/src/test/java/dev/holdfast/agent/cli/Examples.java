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

  static final JsonObject LISTED =
      JsonObject.of(
          "listeners", List.of(WEB, STOPPED, UNIX),
          "leases", List.of(LEASE),
          "stored", List.of(JsonObject.of("name", "state", "kind", "file", "uid", 0)));

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
