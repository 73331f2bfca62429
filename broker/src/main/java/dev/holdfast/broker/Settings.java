package dev.holdfast.broker;

import dev.holdfast.broker.config.ConfigException;
import dev.holdfast.broker.config.Configuration;
import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.listener.ListenerName;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Where the configuration comes from: a file, and listeners of the command line, which every reload
 * keeps.
 *
 * @param listen listeners of the command line; one of the same name in the file loses
 */
record Settings(Optional<Path> file, Map<ListenerName, ListenerConfig> listen) {
  Settings {
    listen = Map.copyOf(listen);
  }

  /** Reads the file, if there is one. Blocks. */
  Configuration read() throws ConfigException {
    return file.isPresent() ? Configuration.read(file.get()) : Configuration.EMPTY;
  }

  /** What the state shall become: the file's configuration with the command line's listeners. */
  BrokerConfig merge(Configuration configuration) {
    BrokerConfig read = configuration.broker();
    SortedMap<ListenerName, ListenerConfig> listeners = new TreeMap<>(read.listeners());
    listeners.putAll(listen);
    return new BrokerConfig(
        read.control(), read.store(), read.retrieve(), read.limits(), listeners, read.services());
  }
}
