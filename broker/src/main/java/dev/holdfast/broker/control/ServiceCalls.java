package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/** Reads what an operator says of services; who may say it, and of which, the state decides. */
final class ServiceCalls {

  private static final int MOST_OF_A_NAME = 255;
  private static final Duration LONGEST = Duration.ofDays(3650);

  private ServiceCalls() {}

  static Event.Restart restart(Caller caller, JsonObject parameters) throws VarlinkException {
    return new Event.Restart(
        caller, name(parameters), parameters.bool("allAtOnce", false), readyTimeout(parameters));
  }

  static Event.Scale scale(Caller caller, JsonObject parameters) throws VarlinkException {
    long count = parameters.integer("count");
    if (count < 1 || count > ServiceConfig.MOST_WORKERS) {
      throw VarlinkException.invalidParameter("count");
    }
    return new Event.Scale(caller, name(parameters), (int) count);
  }

  static Event.Stop stop(Caller caller, JsonObject parameters) throws VarlinkException {
    return new Event.Stop(caller, name(parameters));
  }

  static Event.Start start(Caller caller, JsonObject parameters) throws VarlinkException {
    return new Event.Start(caller, name(parameters));
  }

  private static String name(JsonObject parameters) throws VarlinkException {
    String name = parameters.string("service");
    if (!isName(name)) {
      throw VarlinkException.invalidParameter("service");
    }
    return name;
  }

  /** It may be kept with a lease, and be in an answer: short, and fit for a line of the log. */
  static boolean isName(String text) {
    return !text.isEmpty()
        && text.length() <= MOST_OF_A_NAME
        && text.chars().noneMatch(Character::isISOControl);
  }

  private static Optional<Duration> readyTimeout(JsonObject parameters) throws VarlinkException {
    Optional<String> text = parameters.optionalString("readyTimeoutUsec");
    if (text.isEmpty()) {
      return Optional.empty();
    }
    try {
      Duration timeout = Duration.of(Long.parseLong(text.get()), ChronoUnit.MICROS);
      if (!timeout.isNegative() && !timeout.isZero() && timeout.compareTo(LONGEST) <= 0) {
        return Optional.of(timeout);
      }
    } catch (NumberFormatException e) {
      // Not a number: the same as one that cannot be.
    }
    throw VarlinkException.invalidParameter("readyTimeoutUsec");
  }
}
