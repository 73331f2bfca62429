package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;

/** A failure as a program reads it: one object on standard error. */
final class JsonError {

  private JsonError() {}

  static String line(Failure failure) {
    return JsonObject.builder()
        .put("error", failure.error().isEmpty() ? null : failure.error())
        .put("message", failure.line())
        .put("details", failure.details().isEmpty() ? null : failure.details())
        .put("exitCode", failure.exitCode().number())
        .build()
        .toString();
  }
}
