package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** Every error that the broker can answer with: what a user reads, and the exit code. */
final class WireErrors {

  private static final String WORKER = "dev.holdfast.Worker.";
  private static final String CONTROL = "dev.holdfast.Control.";
  private static final String SERVICE = "org.varlink.service.";
  private static final String REASON = "reason";

  private record Meaning(ExitCode exitCode, Function<JsonObject, String> words) {}

  private static final Meaning NO_SUCH_LISTENER =
      new Meaning(
          ExitCode.REFUSED,
          p ->
              "no listener is named "
                  + text(p, "name")
                  + "; see `holdfast list`, or open it with `holdfast listen "
                  + text(p, "name")
                  + " SPEC`");

  private static final Meaning NO_SUCH_LEASE =
      new Meaning(
          ExitCode.REFUSED,
          p ->
              "there is no lease "
                  + text(p, "lease")
                  + ", or it has ended; see `holdfast list` for those there are");

  private static final Meaning NOT_PERMITTED =
      new Meaning(
          ExitCode.NOT_PERMITTED,
          p ->
              "you lack the right to "
                  + text(p, "right")
                  + (text(p, "name").isEmpty() ? "" : " " + text(p, "name"))
                  + "; run as root or as the broker's user, or have yourself named in its configuration: "
                  + settingFor(text(p, "right")));

  private static final Meaning LIMIT_REACHED =
      new Meaning(
          ExitCode.TRY_AGAIN,
          p ->
              "the broker's limit "
                  + text(p, "limit")
                  + " = "
                  + text(p, "value")
                  + " is reached; try again when others are gone"
                  + (text(p, "limit").equals("stored") ? ", or raise it in [broker]" : ""));

  private static final Map<String, Meaning> MEANINGS =
      Map.ofEntries(
          Map.entry(WORKER + "NoSuchListener", NO_SUCH_LISTENER),
          Map.entry(CONTROL + "NoSuchListener", NO_SUCH_LISTENER),
          Map.entry(WORKER + "NoSuchLease", NO_SUCH_LEASE),
          Map.entry(CONTROL + "NoSuchLease", NO_SUCH_LEASE),
          Map.entry(WORKER + "NotPermitted", NOT_PERMITTED),
          Map.entry(CONTROL + "NotPermitted", NOT_PERMITTED),
          Map.entry(WORKER + "LimitReached", LIMIT_REACHED),
          Map.entry(CONTROL + "LimitReached", LIMIT_REACHED),
          entry(
              WORKER + "NoSuchDescriptor",
              ExitCode.REFUSED,
              p ->
                  "nothing is stored under "
                      + text(p, "name")
                      + "; see `holdfast list`, or put it there with `holdfast store "
                      + text(p, "name")
                      + " FILE`"),
          entry(
              WORKER + "ListenerStopped",
              ExitCode.REFUSED,
              p ->
                  "the listener "
                      + text(p, "name")
                      + " is stopped and has no socket; open it again with `holdfast listen "
                      + text(p, "name")
                      + " SPEC`"),
          entry(
              WORKER + "ServiceSupervised",
              ExitCode.REFUSED,
              p ->
                  "the workers of "
                      + text(p, "service")
                      + " are the broker's; replace them with `holdfast restart "
                      + text(p, "service")
                      + "`, or give yours another name"),
          entry(
              CONTROL + "ShuttingDown",
              ExitCode.TRY_AGAIN,
              p -> "the broker is about to end, and begins nothing new; try again when it is back"),
          entry(
              CONTROL + "NoSuchService",
              ExitCode.REFUSED,
              p ->
                  "no service is named "
                      + text(p, "service")
                      + "; see `holdfast list` for those there are; the broker's configuration"
                      + " makes them"),
          entry(CONTROL + "RestartFailed", ExitCode.REFUSED, WireErrors::restartFailed),
          entry(
              CONTROL + "ServiceBusy",
              ExitCode.TRY_AGAIN,
              p ->
                  "a "
                      + text(p, "operation")
                      + " of "
                      + text(p, "service")
                      + " is under way; `holdfast watch` shows it; try again when it is done"),
          entry(
              CONTROL + "ServiceStopped",
              ExitCode.REFUSED,
              p ->
                  "the service "
                      + text(p, "service")
                      + " is stopped; start it with `holdfast start "
                      + text(p, "service")
                      + "`"),
          entry(
              CONTROL + "AdoptFailed",
              ExitCode.REFUSED,
              p ->
                  reason(
                      p, "nothing could be taken out of that process; the broker's log has more")),
          entry(
              CONTROL + "UpgradeFailed",
              ExitCode.REFUSED,
              p -> reason(p, "the new broker did not take over; the broker's log has more")),
          entry(
              CONTROL + "HandoverFailed",
              ExitCode.REFUSED,
              p -> reason(p, "the broker hands nothing over; its log has more")),
          entry(CONTROL + "BindFailed", ExitCode.SYSTEM, WireErrors::bindFailed),
          entry(
              CONTROL + "Conflict",
              ExitCode.REFUSED,
              p ->
                  text(p, "name")
                      + " conflicts with the listener "
                      + text(p, "heldBy")
                      + ", which is not the same as asked for; `holdfast list` shows it, `holdfast"
                      + " close "
                      + text(p, "heldBy")
                      + "` gives it up"),
          entry(CONTROL + "InvalidSpec", ExitCode.USAGE, WireErrors::invalidSpec),
          entry(
              CONTROL + "ReloadFailed",
              ExitCode.CONFIG,
              p ->
                  text(p, "file")
                      + (p.has("line") ? ":" + text(p, "line") : "")
                      + (text(p, "file").isEmpty() ? "" : ": ")
                      + text(p, "message")
                      + "; nothing was changed"),
          entry(
              SERVICE + "InterfaceNotFound",
              ExitCode.UNAVAILABLE,
              p ->
                  "what answers does not speak "
                      + text(p, "interface")
                      + "; is that socket a holdfastd's?"),
          entry(
              SERVICE + "MethodNotFound",
              ExitCode.UNAVAILABLE,
              p ->
                  "the broker does not know "
                      + text(p, "method")
                      + "; it is older than this command: update holdfastd"),
          entry(
              SERVICE + "MethodNotImplemented",
              ExitCode.UNAVAILABLE,
              p -> "the broker does not offer " + text(p, "method") + "; update holdfastd"),
          entry(
              SERVICE + "InvalidParameter",
              ExitCode.USAGE,
              p ->
                  "the broker does not take this value of "
                      + text(p, "parameter")
                      + "; see --help for what may stand there"),
          entry(
              SERVICE + "PermissionDenied",
              ExitCode.NOT_PERMITTED,
              p -> "you may not ask the broker that; run as root or as the broker's user"),
          entry(
              SERVICE + "ExpectedMore",
              ExitCode.SYSTEM,
              p -> "this command called the broker wrongly; please report it"));

  private WireErrors() {}

  private static Map.Entry<String, Meaning> entry(
      String error, ExitCode exitCode, Function<JsonObject, String> words) {
    return Map.entry(error, new Meaning(exitCode, words));
  }

  /** The full names of all errors that have an entry. */
  static Set<String> known() {
    return MEANINGS.keySet();
  }

  /**
   * The words for an error. What the member {@code reason} has below its first line is what a
   * worker wrote, and goes below the words.
   */
  static Failure failure(String attempted, VarlinkException e) {
    Meaning meaning = MEANINGS.get(e.error());
    if (meaning == null) {
      return new Failure(
          ExitCode.REFUSED,
          e.error(),
          attempted
              + ": the broker answered "
              + e.error()
              + (e.parameters().isEmpty() ? "" : " " + e.parameters())
              + ", which this command is too old to explain");
    }
    return new Failure(
        meaning.exitCode(),
        e.error(),
        attempted + ": " + meaning.words().apply(e.parameters()),
        Printable.furtherLines(text(e.parameters(), REASON)));
  }

  private static String restartFailed(JsonObject p) {
    return reason(p, "a new worker failed; the broker's log has more");
  }

  private static String reason(JsonObject p, String otherwise) {
    String why = Printable.firstLine(text(p, REASON));
    return why.isEmpty() ? otherwise : why;
  }

  private static String bindFailed(JsonObject p) {
    String message = text(p, "message");
    String errno = text(p, "errno");
    String start =
        message.contains(errno) ? "" : "bind " + text(p, "endpoint") + ": " + errno + ": ";
    return start + message;
  }

  private static String invalidSpec(JsonObject p) {
    String spec = text(p, "spec");
    Object at = p.value("position");
    int position = at instanceof Long number ? (int) Math.max(0, number) : 0;
    String where =
        position >= spec.length()
            ? "at its end"
            : "at character " + (position + 1) + " (\"" + spec.substring(position) + "\")";
    return "\""
        + spec
        + "\" is not a listening port, "
        + where
        + ": "
        + text(p, "message")
        + "; see `holdfast listen --help` for the forms";
  }

  /** A member in words; a broker that leaves one out must not make the error unreadable. */
  private static String text(JsonObject parameters, String name) {
    Object value = parameters.value(name);
    return value == null ? "" : value.toString();
  }

  private static String settingFor(String right) {
    return switch (right) {
      case "acquire" -> "allow of the listener";
      case "store", "retrieve" -> right + " of [broker]";
      case "release", "restore" -> "no setting gives that for another user's lease";
      case "upgrade", "handover" -> "no setting gives that to others";
      default -> "control of [broker]";
    };
  }
}
