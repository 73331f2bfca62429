package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Replaces the workers of a service. */
@Command(
    name = "restart",
    description = "Replace the workers of a service, and lose no connection.",
    footer = {
      "",
      "One new worker is started; once it is ready an old one is asked to finish, and so on. "
          + "When a new one fails, the old ones that are left serve on, and the reason is "
          + "printed with the last lines that it wrote (exit code 1).",
      "Prints each step as it happens, and what it came to. Ctrl-C ends the printing; the "
          + "restart goes on.",
      "With --json: an object for each step, as dev.holdfast.Control.Step has it.",
      "",
      "Examples:",
      "  holdfast restart shop",
      "  holdfast restart shop --all-at-once --ready-timeout 20s",
      "  holdfast restart shop --json | jq -r 'select(.step == \"ready\") | .pid'"
    })
final class RestartVerb extends ServiceVerb {

  @Option(
      names = "--all-at-once",
      description = "Start all new workers first: quicker, and twice the memory meanwhile.")
  boolean allAtOnce;

  @Option(
      names = "--ready-timeout",
      paramLabel = "TIME",
      description = "How long a new one may take: 500ms, 10s, 2m (default: what is configured).")
  @Nullable String readyTimeout;

  @Override
  String attempted() {
    return "restart " + service;
  }

  @Override
  String method() {
    return "Restart";
  }

  @Override
  void ask(JsonObject.Builder request) throws Failure {
    request.put("allAtOnce", allAtOnce ? Boolean.TRUE : null);
    if (readyTimeout == null) {
      return;
    }
    Duration timeout = Durations.parse("--ready-timeout", readyTimeout);
    if (timeout.isZero()) {
      throw new Failure(ExitCode.USAGE, "restart --ready-timeout 0: no worker is ready at once");
    }
    request.put("readyTimeoutUsec", Long.toString(timeout.toMillis() * 1000));
  }
}
