package dev.holdfast.broker.config;

import dev.holdfast.listener.ListenerName;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlPosition;

/** Listeners whose first connection starts services, and the services that it can start. */
final class Spawning {

  private record IdleStop(TomlPosition at, List<ListenerName> listeners) {}

  private final Map<ListenerName, TomlPosition> spawning = new TreeMap<>();
  private final Map<String, IdleStop> idleStops = new TreeMap<>();
  private final Set<ListenerName> served = new HashSet<>();

  /**
   * @param idle where it says {@code idle = "spawn"}
   */
  void listener(ListenerName name, TomlPosition idle) {
    spawning.put(name, idle);
  }

  /**
   * @param idleStop where it says {@code idle-stop}; null if nowhere
   */
  void service(String title, List<ListenerName> listeners, @Nullable TomlPosition idleStop) {
    served.addAll(listeners);
    if (idleStop != null) {
      idleStops.put(title, new IdleStop(idleStop, listeners));
    }
  }

  /**
   * What waits for a partner that is not there; the command line or a reload may still bring it.
   */
  void warn(Problems warnings) {
    spawning.forEach(
        (name, at) -> {
          if (!served.contains(name)) {
            warnings.add(
                at,
                "idle = \"spawn\" starts nothing: no service of this file has listeners = [\""
                    + name
                    + "\"]");
          }
        });
    idleStops.forEach(
        (title, stop) -> {
          if (stop.listeners().stream().noneMatch(spawning::containsKey)) {
            warnings.add(
                stop.at(),
                "idle-stop of "
                    + title
                    + " never applies: none of its listeners has idle = \"spawn\"");
          }
        });
  }
}
