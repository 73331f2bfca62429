package dev.holdfast.broker.config;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.PortChoice;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlPosition;

/** The endpoints that listeners fix: a second listener on one of them could never be bound. */
final class Endpoints {

  private record Holder(String title, TomlPosition at) {}

  private final Map<Object, Holder> holders = new HashMap<>();

  /**
   * Takes the endpoint of a listener, if its spec fixes one.
   *
   * @return what to tell the user if another listener has it
   */
  Optional<String> take(String title, ListenSpec spec, @Nullable String device, TomlPosition at) {
    return identity(spec, device)
        .map(identity -> holders.putIfAbsent(identity, new Holder(title, at)))
        .map(
            other ->
                title
                    + " and "
                    + other.title()
                    + " (line "
                    + other.at().line()
                    + ") both listen on "
                    + spec
                    + "; a listener needs an endpoint of its own");
  }

  private static Optional<Object> identity(ListenSpec spec, @Nullable String device) {
    if (spec instanceof ListenSpec.Inet inet && inet.ports() instanceof PortChoice.Single port) {
      return Optional.of(
          List.of(inet.transport(), inet.host(), port, device == null ? "" : device));
    }
    if (spec instanceof ListenSpec.Unix unix) {
      // One inode for a path, whatever the socket's type; abstract names are apart for each type.
      return Optional.of(
          unix.address() instanceof UnixAddress.Path path
              ? path
              : List.of(unix.transport(), unix.address()));
    }
    return Optional.empty();
  }
}
