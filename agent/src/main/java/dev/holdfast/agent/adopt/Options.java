package dev.holdfast.agent.adopt;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What stands behind {@code -javaagent:holdfast-agent.jar=}, separated by commas.
 *
 * @param mappings which listener takes the place of which address; before any other rule
 * @param required a listener that cannot be had fails the bind; else the program binds as always
 * @param drain what is done when the broker wants the listeners back
 * @param quiet how long a drain waits for the connections that were accepted, before the JVM is
 *     asked to stop
 * @param readyWhenAccepting whether READY is said by itself; else the program says it
 * @param socket where the broker is, or null for the usual place
 * @param natives where the native libraries are, or null to look for them
 * @param service what this JVM is a copy of, or null
 * @param replace whether older ones of the service are drained for this one
 */
record Options(
    List<Mapping> mappings,
    boolean required,
    Drain drain,
    Duration quiet,
    boolean readyWhenAccepting,
    @Nullable String socket,
    @Nullable String natives,
    @Nullable String service,
    boolean replace) {

  static final Duration QUIET = Duration.ofSeconds(2);

  /** What is done when the broker wants the listeners back. */
  enum Drain {
    /** Accept no more, wait a moment for what was accepted, then stop the JVM as SIGTERM does. */
    TERM,
    /** Accept no more; the program lives on. */
    CLOSE,
    /** Nothing: the broker sends its stop signal. */
    NONE
  }

  /**
   * An address that the program binds.
   *
   * @param host null for any
   * @param path of a Unix socket, or null
   */
  record Mapping(
      boolean datagram,
      @Nullable InetAddress host,
      int port,
      @Nullable String path,
      String listener) {}

  /**
   * Reads them.
   *
   * @param text null or empty for all defaults
   * @throws IllegalArgumentException with what is wrong, and what is possible
   */
  static Options parse(@Nullable String text) {
    List<Mapping> mappings = new ArrayList<>();
    Boolean required = null;
    Drain drain = Drain.TERM;
    Duration quiet = QUIET;
    boolean ready = true;
    String socket = null;
    String natives = null;
    String service = null;
    boolean replace = false;
    for (String each : text == null || text.isEmpty() ? new String[0] : text.split(",", -1)) {
      int equals = each.lastIndexOf('=');
      if (equals < 0) {
        switch (each) {
          case "required" -> required = true;
          case "optional" -> required = false;
          case "replace" -> replace = true;
          default -> throw unknown(each);
        }
        continue;
      }
      String key = each.substring(0, equals);
      String value = each.substring(equals + 1);
      if (value.isEmpty()) {
        throw new IllegalArgumentException("option " + each + ": a value is missing after =");
      }
      switch (key) {
        case "drain" -> drain = drain(each, value);
        case "quiet" -> quiet = duration(each, value);
        case "ready" -> ready = ready(each, value);
        case "socket" -> socket = value;
        case "native" -> natives = value;
        case "service" -> service = value;
        default -> mappings.add(mapping(each, key, value));
      }
    }
    if (replace && service == null) {
      throw new IllegalArgumentException("option replace: give service=NAME too, to know what of");
    }
    return new Options(
        List.copyOf(mappings),
        required == null ? !mappings.isEmpty() : required,
        drain,
        quiet,
        ready,
        socket,
        natives,
        service,
        replace);
  }

  private static IllegalArgumentException unknown(String option) {
    return new IllegalArgumentException(
        "option "
            + option
            + ": there are PORT=LISTENER, HOST:PORT=LISTENER, udp:PORT=LISTENER,"
            + " unix:/PATH=LISTENER, required, optional, drain=term|close|none, quiet=2s,"
            + " ready=accept|manual, socket=PATH, native=DIR, service=NAME, replace");
  }

  private static Drain drain(String option, String value) {
    return switch (value) {
      case "term" -> Drain.TERM;
      case "close" -> Drain.CLOSE;
      case "none" -> Drain.NONE;
      default -> throw new IllegalArgumentException("option " + option + ": term, close or none");
    };
  }

  private static boolean ready(String option, String value) {
    return switch (value) {
      case "accept" -> true;
      case "manual" -> false;
      default -> throw new IllegalArgumentException("option " + option + ": accept or manual");
    };
  }

  private static Duration duration(String option, String value) {
    boolean isMillis = value.endsWith("ms");
    String digits = value.substring(0, value.length() - (isMillis ? 2 : 1));
    try {
      if (isMillis) {
        return Duration.ofMillis(Integer.parseUnsignedInt(digits));
      }
      if (value.endsWith("s")) {
        return Duration.ofSeconds(Integer.parseUnsignedInt(digits));
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("option " + option + ": a time such as 500ms or 2s", e);
    }
    throw new IllegalArgumentException("option " + option + ": a time such as 500ms or 2s");
  }

  private static Mapping mapping(String option, String address, String listener) {
    if (address.startsWith("unix:")) {
      return new Mapping(false, null, 0, address.substring("unix:".length()), listener);
    }
    boolean datagram = address.startsWith("udp:");
    String rest = datagram ? address.substring("udp:".length()) : address;
    int colon = rest.lastIndexOf(':');
    String host = colon < 0 ? "*" : rest.substring(0, colon);
    int port;
    try {
      port = Integer.parseInt(rest.substring(colon + 1));
    } catch (NumberFormatException e) {
      throw unknown(option);
    }
    if (port < 1 || port > 65535) {
      throw new IllegalArgumentException(
          "option "
              + option
              + ": a port from 1 to 65535; 0 would take the place of every socket whose port does"
              + " not matter");
    }
    return new Mapping(datagram, host(option, host), port, null, listener);
  }

  private static @Nullable InetAddress host(String option, String host) {
    if (host.equals("*")) {
      return null;
    }
    try {
      return InetAddress.getByName(host);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(
          "option " + option + ": no address is known for " + host, e);
    }
  }
}
