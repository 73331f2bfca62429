package dev.holdfast.agent;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What to ask the broker for. Begin with {@link #of}; each other method returns a changed copy.
 *
 * @param listeners one name at least, none twice
 * @param service what this worker is a copy of, or null
 * @param replace once this worker is ready, older leases of the same service on the same listeners
 *     are asked to drain; needs a service
 * @param timeout for each call to the broker
 */
public record Acquisition(
    List<String> listeners,
    Hold hold,
    @Nullable String service,
    boolean replace,
    Duration timeout) {

  static final Duration TIMEOUT = Duration.ofSeconds(10);

  public Acquisition {
    listeners = List.copyOf(listeners);
    if (listeners.isEmpty()) {
      throw new IllegalArgumentException("acquire: name a listener");
    }
    if (replace && service == null) {
      throw new IllegalArgumentException("acquire: replace needs a service, to know what of");
    }
  }

  /** These listeners, for as long as this process lives, within ten seconds. */
  public static Acquisition of(String... listeners) {
    return new Acquisition(List.of(listeners), Hold.PROCESS, null, false, TIMEOUT);
  }

  public Acquisition hold(Hold changed) {
    return new Acquisition(listeners, changed, service, replace, timeout);
  }

  public Acquisition service(String changed) {
    return new Acquisition(listeners, hold, changed, replace, timeout);
  }

  /** As this service, in the place of its older leases. */
  public Acquisition replacing(String changed) {
    return new Acquisition(listeners, hold, changed, true, timeout);
  }

  public Acquisition timeout(Duration changed) {
    return new Acquisition(listeners, hold, service, replace, changed);
  }
}
