package dev.holdfast.broker;

import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.broker.survive.RunningServer;
import dev.holdfast.fd.SocketOption;
import dev.holdfast.fd.Sockets;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.ListenSpec;
import java.io.IOException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A listener as it would have to be configured to be what a running server has. */
final class AdoptedServer {

  private static final String ALL = "tcp:[::]:";

  /** IPv4, by a socket of IPv6, as a JVM binds it; nobody writes it so. */
  private static final Pattern MAPPED =
      Pattern.compile("tcp:\\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})](:[0-9]+)");

  private AdoptedServer() {}

  /**
   * Its configuration.
   *
   * @param nonBlocking whether O_NONBLOCK is set from now on, whatever the server wanted
   */
  static ListenerConfig config(RunningServer.Server server, boolean nonBlocking)
      throws IOException {
    String address = server.facts().address();
    boolean all = address.startsWith(ALL);
    boolean v6only = all && Sockets.get(server.socket(), SocketOption.V6ONLY, address) != 0;
    String spec = spec(address, all && !v6only);
    try {
      return new ListenerConfig(
          ListenSpec.parse(spec),
          server.backlog() == 0 ? ListenerConfig.DEFAULT_BACKLOG : server.backlog(),
          !nonBlocking && !server.nonBlocking(),
          IdlePolicy.QUEUE,
          new Companion.None(),
          List.of(),
          v6only ? ONLY_V6 : SocketSettings.DEFAULT);
    } catch (InvalidSpecException e) {
      throw new IOException("adopt " + address + ": no listener can be at such an address", e);
    }
  }

  private static String spec(String address, boolean both) {
    if (both) {
      return address.substring(ALL.length());
    }
    Matcher mapped = MAPPED.matcher(address);
    if (mapped.matches()) {
      int high = Integer.parseInt(mapped.group(1), 16);
      int low = Integer.parseInt(mapped.group(2), 16);
      return (high >> 8)
          + "."
          + (high & 0xff)
          + "."
          + (low >> 8)
          + "."
          + (low & 0xff)
          + mapped.group(3);
    }
    return address.startsWith("tcp:") ? address.substring("tcp:".length()) : address;
  }

  private static final SocketSettings ONLY_V6 =
      new SocketSettings(true, false, null, null, null, null, null, null, null, null, null, null);
}
