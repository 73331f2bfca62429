package dev.holdfast.listener;

import java.util.OptionalInt;
import java.util.regex.Pattern;

/** Which port, or which ports to choose from. {@code toString} is its text in a listen spec. */
public sealed interface PortChoice {

  int LOWEST = 1;
  int HIGHEST = 65535;

  /** One port, or one end of a range. */
  sealed interface Single extends PortChoice {

    /**
     * Its number; empty if the database knows no such service.
     *
     * @param protocol {@code tcp} or {@code udp}
     */
    OptionalInt number(ServiceDatabase services, String protocol);
  }

  /** {@code 8080}. */
  record Fixed(int port) implements Single {
    public Fixed {
      if (port < LOWEST || port > HIGHEST) {
        throw new IllegalArgumentException("port " + port + " is not in 1–65535");
      }
    }

    @Override
    public OptionalInt number(ServiceDatabase services, String protocol) {
      return OptionalInt.of(port);
    }

    @Override
    public String toString() {
      return Integer.toString(port);
    }
  }

  /** {@code https}: a name of the services database, looked up when it is bound. */
  record Service(String name) implements Single {

    private static final Pattern ALLOWED =
        Pattern.compile("(?=.*[A-Za-z])[A-Za-z0-9_][A-Za-z0-9_.+-]*");

    public Service {
      if (!isService(name)) {
        throw new IllegalArgumentException(Quoted.text(name) + " is no name of a service");
      }
    }

    static boolean isService(String text) {
      return ALLOWED.matcher(text).matches() && !text.equalsIgnoreCase(Ephemeral.TEXT);
    }

    @Override
    public OptionalInt number(ServiceDatabase services, String protocol) {
      return services.port(name, protocol);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** {@code 8000/8010}: both ends included, tried in random order. */
  record Range(Single low, Single high) implements PortChoice {
    public Range {
      if (low instanceof Fixed from && high instanceof Fixed to && from.port() > to.port()) {
        throw new IllegalArgumentException("range " + low + "/" + high + " runs downwards");
      }
    }

    @Override
    public String toString() {
      return low + "/" + high;
    }
  }

  /**
   * {@code 0W}: a random free port of 32768–60999. It is bound by number: a port that the kernel
   * chose would be lost by any worker's shutdown(2).
   */
  record Ephemeral() implements PortChoice {

    public static final int LOW = 32768;
    public static final int HIGH = 60999;
    static final String TEXT = "0W";

    @Override
    public String toString() {
      return TEXT;
    }
  }
}
