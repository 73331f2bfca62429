package dev.holdfast.listener;

import java.util.OptionalInt;
import java.util.Set;

/** Ports by name. */
@FunctionalInterface
public interface ServiceDatabase {

  /**
   * The port of a service, 1–65535, as getservbyname(3) would find it: by its name or an alias, in
   * this very case.
   *
   * @param protocol {@code tcp} or {@code udp}
   */
  OptionalInt port(String service, String protocol);

  /** All names and aliases, to suggest one from; may be empty. */
  default Set<String> names(String protocol) {
    return Set.of();
  }
}
