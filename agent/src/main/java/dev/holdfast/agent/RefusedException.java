package dev.holdfast.agent;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;

/** The broker answered, and said no. */
public final class RefusedException extends IOException {
  private static final long serialVersionUID = 1;

  private final String error;

  RefusedException(String attempt, VarlinkException cause) {
    super(attempt + ": " + reason(cause.error(), cause.parameters()), cause);
    this.error = cause.error();
  }

  /** The full name of the error: {@code dev.holdfast.Worker.NoSuchListener}. */
  public String error() {
    return error;
  }

  private static String reason(String error, JsonObject parameters) {
    String name = parameters.optionalString("name").orElse("it");
    return switch (error) {
      case "dev.holdfast.Worker.NoSuchListener" ->
          "the broker has no listener "
              + name
              + ". Open it with \"holdfast listen "
              + name
              + " SPEC\"; \"holdfast list\" shows those there are";
      case "dev.holdfast.Worker.ListenerStopped" ->
          "the listener "
              + name
              + " is stopped. Open it with \"holdfast listen "
              + name
              + " SPEC\"";
      case "dev.holdfast.Worker.NotPermitted" ->
          "this user has no right to "
              + parameters.optionalString("right").orElse("use")
              + " "
              + name
              + ". The listener's allow setting grants it";
      case "dev.holdfast.Worker.NoSuchLease" -> "the broker has no such lease; it has ended";
      case "dev.holdfast.Worker.LimitReached" ->
          "the broker is at its limit "
              + parameters.optionalString("limit").orElse("")
              + " of "
              + parameters.optionalInteger("value").orElse(0);
      default -> parameters.isEmpty() ? error : error + " " + parameters;
    };
  }
}
