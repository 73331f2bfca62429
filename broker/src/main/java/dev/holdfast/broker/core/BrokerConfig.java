package dev.holdfast.broker.core;

import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The whole configuration, as read from a file or from nothing.
 *
 * @param control who may listen, close, list, watch, drain and reload, besides root and the
 *     broker's own uid
 * @param store who may store descriptors
 * @param retrieve who may retrieve them
 */
public record BrokerConfig(
    List<Principal> control,
    List<Principal> store,
    List<Principal> retrieve,
    Limits limits,
    SortedMap<ListenerName, ListenerConfig> listeners,
    SortedMap<String, ServiceConfig> services) {

  /**
   * Bounds on what peers may use.
   *
   * @param connectionsPerUid control connections open at once by one uid (root too)
   * @param frameTime how long a peer may take to finish a frame it began, or to read a reply
   * @param silentTime how long a connection may stay that has never sent a whole call
   * @param stored descriptors kept by Store
   * @param drainTime how long a drained lease may last when the caller gave no deadline
   * @param auditEvery how often flags and backlog of a listener that gets connections are checked
   */
  public record Limits(
      int connectionsPerUid,
      Duration frameTime,
      Duration silentTime,
      int stored,
      Duration drainTime,
      Duration auditEvery) {
    public static final Limits DEFAULT =
        new Limits(
            2048,
            Duration.ofSeconds(5),
            Duration.ofSeconds(30),
            1024,
            Duration.ofSeconds(30),
            Duration.ofSeconds(1));
  }

  public static final BrokerConfig EMPTY =
      new BrokerConfig(
          List.of(), List.of(), List.of(), Limits.DEFAULT, new TreeMap<>(), new TreeMap<>());

  /** One without services. */
  public BrokerConfig(
      List<Principal> control,
      List<Principal> store,
      List<Principal> retrieve,
      Limits limits,
      SortedMap<ListenerName, ListenerConfig> listeners) {
    this(control, store, retrieve, limits, listeners, new TreeMap<>());
  }

  public BrokerConfig {
    control = List.copyOf(control);
    store = List.copyOf(store);
    retrieve = List.copyOf(retrieve);
    listeners = Collections.unmodifiableSortedMap(new TreeMap<>(listeners));
    services = Collections.unmodifiableSortedMap(new TreeMap<>(services));
  }
}
