package dev.holdfast.agent.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The table of verbs. A verb is built when it is asked for, and no other with it. */
final class Verbs {

  /** In the order in which help lists them. */
  static final List<String> NAMES =
      List.of(
          "demo",
          "exec",
          "listen",
          "close",
          "adopt",
          "port",
          "list",
          "status",
          "watch",
          "top",
          "restart",
          "scale",
          "stop",
          "start",
          "drain",
          "reload",
          "upgrade",
          "prove",
          "store",
          "retrieve",
          "doctor",
          "completion",
          "help",
          "version");

  private Verbs() {}

  static @Nullable Verb create(String name) {
    return (Verb) instance(name);
  }

  /**
   * Says Object, because the JVM's verifier would load the class of each row to see that it is a
   * Verb.
   */
  private static @Nullable Object instance(String name) {
    return switch (name) {
      case "demo" -> new DemoVerb();
      case "exec" -> new ExecVerb();
      case "listen" -> new ListenVerb();
      case "close" -> new CloseVerb();
      case "adopt" -> new AdoptVerb();
      case "port" -> new PortVerb();
      case "list" -> new ListVerb();
      case "status" -> new StatusVerb();
      case "watch" -> new WatchVerb();
      case "top" -> new TopVerb();
      case "restart" -> new RestartVerb();
      case "scale" -> new ScaleVerb();
      case "stop" -> new StopVerb();
      case "start" -> new StartVerb();
      case "drain" -> new DrainVerb();
      case "reload" -> new ReloadVerb();
      case "upgrade" -> new UpgradeVerb();
      case "prove" -> new ProveVerb();
      case "store" -> new StoreVerb();
      case "retrieve" -> new RetrieveVerb();
      case "doctor" -> new DoctorVerb();
      case "completion" -> new CompletionVerb();
      case "help" -> new HelpVerb();
      case "version" -> new VersionVerb();
      default -> null;
    };
  }
}
