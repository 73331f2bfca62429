package dev.holdfast.broker;

import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.spelling.NearestName;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the command line says. Read by hand: a library for it, of classes too old for an archive of
 * classes, took more than half of the time that a start takes.
 *
 * @param socket as it was written: a path, or @NAME
 * @param takeover whether to take the place of the broker that is there
 * @param train whether to serve one hand-over and stop
 */
record Arguments(
    @Nullable Path config,
    @Nullable String socket,
    @Nullable Path state,
    Map<ListenerName, ListenerConfig> listeners,
    boolean takeover,
    boolean train,
    boolean help,
    boolean version) {

  static final String HELP =
      """
      Usage: holdfastd [--config FILE] [--socket PATH] [--state DIR] [--listen NAME=SPEC]...
                       [--takeover]
      Binds listening ports once, and passes the sockets to worker processes.
            --config FILE       Read the configuration from this TOML file.
            --socket PATH       The control socket: a path, or @NAME in the abstract namespace.
                                Default: $HOLDFAST_SOCKET, else what the configuration says,
                                else /run/holdfast/holdfast.sock for root, else
                                holdfast/holdfast.sock under $XDG_RUNTIME_DIR.
            --state DIR         Directory for the journal, from which the next broker knows what
                                this one had if it is killed. Default: that of the control socket.
            --listen NAME=SPEC  Open a listener; may be given several times.
                                SPEC: [-][host:](port|service|low/high|0W), udp:...,
                                unix:/path, unix:@name, seqpacket:...
            --takeover          Take the place of the broker that is there, with all that it has;
                                it serves until this one does. Without one there, just start.
        -h, --help              Show this help and exit.
        -V, --version           Print the version and exit.

      Examples:
        holdfastd --listen web=127.0.0.1:8080
        holdfastd --config /etc/holdfast.toml

      SIGHUP reads the configuration anew, SIGTERM and SIGINT stop. Workers keep the sockets they hold.
      Exit status: 0 stopped, 1 another broker has the socket, 64 usage, 70 a bug, 71 the system
      refused, 78 configuration.
      """;

  private static final List<String> OPTIONS =
      List.of("--config", "--socket", "--state", "--listen", "--takeover", "--help", "--version");

  Arguments {
    listeners = Collections.unmodifiableMap(new LinkedHashMap<>(listeners));
  }

  /**
   * Reads {@code --name value} and {@code --name=value}.
   *
   * @throws IllegalArgumentException with a text for the user
   */
  static Arguments parse(String[] words) throws InvalidSpecException {
    Path config = null;
    String socket = null;
    Path state = null;
    Map<ListenerName, ListenerConfig> listeners = new LinkedHashMap<>();
    boolean takeover = false;
    boolean train = false;
    boolean help = false;
    boolean version = false;
    Iterator<String> rest = List.of(words).iterator();
    while (rest.hasNext()) {
      String word = rest.next();
      int equals = word.startsWith("--") ? word.indexOf('=') : -1;
      String name = equals < 0 ? word : word.substring(0, equals);
      String attached = equals < 0 ? null : word.substring(equals + 1);
      switch (name) {
        case "--config" -> config = path(name, once(name, config, value(name, attached, rest)));
        case "--socket" -> socket = once(name, socket, value(name, attached, rest));
        case "--state" -> state = path(name, once(name, state, value(name, attached, rest)));
        case "--listen" -> addListener(listeners, value(name, attached, rest));
        case "--takeover" -> takeover = flag(name, attached);
        case "--train" -> train = flag(name, attached);
        case "-h", "--help" -> help = flag(name, attached);
        case "-V", "--version" -> version = flag(name, attached);
        default -> throw unknown(name);
      }
    }
    return new Arguments(config, socket, state, listeners, takeover, train, help, version);
  }

  private static String value(String name, @Nullable String attached, Iterator<String> rest) {
    if (attached != null) {
      return attached;
    }
    if (!rest.hasNext()) {
      throw new IllegalArgumentException(name + " needs a value");
    }
    return rest.next();
  }

  private static boolean flag(String name, @Nullable String attached) {
    if (attached != null) {
      throw new IllegalArgumentException(name + " takes no value");
    }
    return true;
  }

  private static String once(String name, @Nullable Object before, String value) {
    if (before != null) {
      throw new IllegalArgumentException(name + " is given twice");
    }
    return value;
  }

  private static Path path(String name, String value) {
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
    }
  }

  private static void addListener(Map<ListenerName, ListenerConfig> listeners, String word)
      throws InvalidSpecException {
    int equals = word.indexOf('=');
    if (equals < 0) {
      throw new IllegalArgumentException("--listen takes NAME=SPEC, not \"" + word + "\"");
    }
    ListenerName name = ListenerName.parse(word.substring(0, equals));
    ListenSpec spec = ListenSpec.parse(word.substring(equals + 1));
    if (listeners.put(name, ListenerConfig.of(spec)) != null) {
      throw new IllegalArgumentException("--listen names " + name + " twice");
    }
  }

  private static IllegalArgumentException unknown(String word) {
    if (!word.startsWith("-")) {
      return new IllegalArgumentException("takes options only, not \"" + word + "\"");
    }
    return new IllegalArgumentException(
        "no such option: " + word + NearestName.question(word, OPTIONS));
  }
}
